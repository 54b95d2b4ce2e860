"""The one reader of XML: no DTD, no entity, no comment, no processing instruction, no network, and bounded.

The bytes are looked at before any parser sees them. In UTF-8 the two characters `<!` begin a declaration, a comment or
a CDATA section and nothing else, and none of these is needed by anybody: what contains them is refused unread.
"""

import re
from collections.abc import Mapping

from lxml import etree

MAX_BYTES = 512 * 1024
_DECLARATION = re.compile(rb"\A(?:\xef\xbb\xbf)?\s*<\?xml\s[^?<>]{0,200}\?>")
_ENCODING = re.compile(rb"""encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_UTF8 = frozenset({b"utf-8", b"utf8", b"us-ascii", b"ascii"})
_COMMENT = re.compile(rb"<!--(?:(?!--).)*-->", re.DOTALL)


class DocumentRefused(ValueError):
    """What came is no document that is read here. The message says why, in words for an operator, and quotes none."""


def read_document(content: bytes, *, max_bytes: int = MAX_BYTES, with_comments: bool = False) -> etree._Element:
    """The root of a document. `with_comments` drops comments unread: metadata that people write has them.

    Raises DocumentRefused. Spec: SAML 2.0 Core §1.3, §4.
    """
    if len(content) > max_bytes:
        raise DocumentRefused(f"the document is longer than {max_bytes} bytes")
    body = _without_declaration(content)
    if with_comments:
        body = _COMMENT.sub(b"", body)
    if b"<!" in body:
        raise DocumentRefused("the document has a DOCTYPE, an entity, a comment or a CDATA section")
    if b"<?" in body:
        raise DocumentRefused("the document has a processing instruction")
    try:
        # Read as UTF-8 whatever it calls itself: in another encoding the same bytes could be a declaration after all.
        root = etree.fromstring(body, parser=strict_parser())
    except (etree.XMLSyntaxError, ValueError):
        raise DocumentRefused("the document is no well-formed XML") from None
    docinfo = root.getroottree().docinfo
    if docinfo.internalDTD is not None or docinfo.externalDTD is not None:
        raise DocumentRefused("the document has a DOCTYPE")
    if any(not isinstance(node.tag, str) for node in root.iter()):
        raise DocumentRefused("the document holds something else than elements and text")
    return root


def read_fragment(content: bytes, namespaces: Mapping[str | None, str]) -> etree._Element:
    """The one element that was encrypted where these namespaces were in force. Raises DocumentRefused.

    Spec: XML Encryption 1.1 §4.4: what is decrypted stands where the cipher text stood.
    """
    # The library's types know no default namespace.
    around = etree.Element("opened", nsmap=dict(namespaces))  # type: ignore[arg-type]
    opening = etree.tostring(around).removesuffix(b"/>") + b">"
    opened = read_document(opening + _without_declaration(content) + b"</opened>")
    if len(opened) != 1 or (opened.text or "").strip() or (opened[0].tail or "").strip():
        raise DocumentRefused("what was encrypted is not one element")
    return opened[0]


def strict_parser() -> etree.XMLParser:
    """A parser that resolves and loads nothing. One for each document: they keep what they have seen."""
    return etree.XMLParser(
        encoding="utf-8",
        attribute_defaults=False,
        collect_ids=False,
        dtd_validation=False,
        huge_tree=False,
        load_dtd=False,
        no_network=True,
        recover=False,
        resolve_entities=False,
    )


def write_document(root: etree._Element) -> bytes:
    """The bytes of a document of ours."""
    return etree.tostring(root, encoding="utf-8", with_tail=False)


def _without_declaration(content: bytes) -> bytes:
    """The document behind its declaration, in UTF-8."""
    declared = _DECLARATION.match(content)
    if declared is None:
        body = content.removeprefix(b"\xef\xbb\xbf")
    else:
        encoding = _ENCODING.search(declared[0])
        if encoding is not None and encoding[1].lower() not in _UTF8:
            raise DocumentRefused("the document is not in UTF-8")
        body = content[declared.end() :]
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        raise DocumentRefused("the document is not in UTF-8") from None
    return body
