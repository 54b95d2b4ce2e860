"""Pictures that others bring, such as logos: recognised by what they hold and never by what they are called.

A picture is shown in `<img>` alone, where no browser runs a script; whoever opens its address gets it under a policy
that lets nothing run. What could carry a script or load something is refused all the same.
"""

import re
from dataclasses import dataclass
from xml.etree import ElementTree as ET

MAX_BYTES = 65_536
POLICY = "default-src 'none'; sandbox"

_SVG = "{http://www.w3.org/2000/svg}"
_SHAPES = ("path", "circle", "ellipse", "rect", "line", "polyline", "polygon")
_PARTS = ("svg", "g", "defs", "use", "symbol", "clipPath", "mask", "title", "desc")
_PAINTS = ("linearGradient", "radialGradient", "stop")
_ELEMENTS = frozenset((*_SHAPES, *_PARTS, *_PAINTS))
_REFERS = re.compile(r"url\(\s*['\"]?(?!#)|@import|expression|javascript:|\\", re.IGNORECASE)
_DECLARATION = re.compile(rb"^(?:\xef\xbb\xbf)?<\?xml\s")
_MAGIC = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture that may be shown."""

    content: bytes
    media_type: str


def parse_picture(content: bytes) -> Picture:
    """A PNG, a JPEG, a WebP, or an SVG that only draws. Raises ValueError with words for whoever brought it."""
    if len(content) > MAX_BYTES:
        raise ValueError(f"a logo has at most {MAX_BYTES} bytes")
    known = next((name for magic, name in _MAGIC.items() if content.startswith(magic)), None)
    if known is None and content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        known = "image/webp"
    if known is None:
        _check_svg(content)
        known = "image/svg+xml"
    return Picture(content=content, media_type=known)


def _check_svg(content: bytes) -> None:
    # Without a document type there are no entities, which could grow or read files.
    if b"<!" in content.replace(b"<!--", b"") or b"<?" in _DECLARATION.sub(b"", content, count=1):
        raise ValueError("an SVG logo holds no document type and no instructions")
    try:
        root = ET.fromstring(content)  # noqa: S314 — no document type, and its size is bounded
    except (ET.ParseError, ValueError, LookupError):
        raise ValueError("a logo is a PNG, a JPEG, a WebP or an SVG") from None
    if root.tag != f"{_SVG}svg":
        raise ValueError("a logo is a PNG, a JPEG, a WebP or an SVG")
    for element in root.iter():
        name = str(element.tag).removeprefix(_SVG)
        if name not in _ELEMENTS:
            raise ValueError(f"an SVG logo only draws; it may not hold <{name[:40]}>")
        for attribute, value in element.attrib.items():
            local = attribute.rpartition("}")[2].lower()
            is_foreign = local == "href" and not value.startswith("#")
            if local.startswith("on") or is_foreign or _REFERS.search(value):
                raise ValueError(f"an SVG logo only draws; its attribute {local[:40]} may not lead elsewhere")
