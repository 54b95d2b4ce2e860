"""Colours that can be read: contrast, and the shade nearest to a wish that has enough of it. Pure rules.

Spec: WCAG 2.2 §1.4.3 (contrast); lightness is changed in OKLab, where a hue stays what it looks like.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

ENOUGH = 4.5
_HEX = re.compile(r"#[0-9a-f]{6}")
_STEPS = 200

RGB = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Scheme:
    """The surfaces of one scheme that text in the brand's colour may stand on; the second is the panel's."""

    surfaces: tuple[str, ...]
    is_dark: bool


LIGHT = Scheme(("#f6f6f3", "#ffffff", "#f1f1ed"), is_dark=False)
DARK = Scheme(("#0e1011", "#15181a", "#1d2124", "#101314"), is_dark=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Brand:
    """A brand's colour as one scheme shows it: itself, what is written on it, and a quiet ground for it."""

    colour: str
    on: str
    soft: str


def parse_colour(text: str) -> str:
    """A colour such as `#0b6472`. Raises ValueError."""
    colour = text.strip().lower()
    if _HEX.fullmatch(colour) is None:
        raise ValueError("a colour is written as #rrggbb, such as #0b6472")
    return colour


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, from 1 to 21. Spec: WCAG 2.2, "contrast ratio"."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def brand_in(scheme: Scheme, wish: str) -> Brand:
    """The shade nearest to the wish that can be read everywhere in a scheme, and what goes with it."""
    lightness, *hue = _oklab(wish)
    for step in range(_STEPS + 1):
        distance = step / _STEPS
        shifted = lightness + distance if scheme.is_dark else lightness - distance
        colour = wish if step == 0 else _hex(_of_oklab((min(max(shifted, 0.0), 1.0), hue[0], hue[1])))
        soft = mix(colour, scheme.surfaces[1], 0.1)
        if _can_be_read(colour, (*scheme.surfaces, soft)):
            return Brand(colour=colour, on=_written_on(colour), soft=soft)
    plain = "#ffffff" if scheme.is_dark else "#000000"
    return Brand(colour=plain, on=_written_on(plain), soft=mix(plain, scheme.surfaces[1], 0.1))


def mix(colour: str, ground: str, share: float) -> str:
    """A colour laid over a ground by a share of it."""
    pairs = zip(_channels(colour), _channels(ground), strict=True)
    red, green, blue = (share * over + (1 - share) * under for over, under in pairs)
    return _hex((red, green, blue))


def _can_be_read(colour: str, surfaces: Sequence[str]) -> bool:
    return all(contrast(colour, surface) >= ENOUGH for surface in surfaces)


def _written_on(colour: str) -> str:
    return max("#ffffff", mix(colour, "#000000", 0.15), key=lambda words: contrast(words, colour))


def _channels(colour: str) -> RGB:
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return red, green, blue


def _hex(channels: RGB) -> str:
    return "#" + "".join(f"{round(min(max(channel, 0.0), 1.0) * 255):02x}" for channel in channels)


def _linear(colour: str) -> RGB:
    red, green, blue = (
        channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4 for channel in _channels(colour)
    )
    return red, green, blue


def _luminance(colour: str) -> float:
    red, green, blue = _linear(colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _oklab(colour: str) -> RGB:
    red, green, blue = _linear(colour)
    long = (0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue) ** (1 / 3)
    medium = (0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue) ** (1 / 3)
    short = (0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue) ** (1 / 3)
    return (
        0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short,
    )


def _of_oklab(lab: RGB) -> RGB:
    lightness, a, b = lab
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    linear = (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )
    red, green, blue = (
        12.92 * channel if channel <= 0.0031308 else 1.055 * channel ** (1 / 2.4) - 0.055
        for channel in (min(max(value, 0.0), 1.0) for value in linear)
    )
    return red, green, blue
