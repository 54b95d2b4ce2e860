"""The table of contrasts, worked out again from the style sheet, for our own colours and for those of operators."""

import itertools
import re

import pytest

from app.foundation.colours import DARK, ENOUGH, LIGHT, Scheme, contrast
from app.foundation.page_settings import PagesSettings
from app.foundation.pages import TEMPLATES
from app.foundation.static import FILES
from app.foundation.theme import Theme

SHEET = FILES["ui.css"].content.decode()
EDGE = 3.0
_PAIR = re.compile(r"--([a-z0-9-]+): light-dark\((#[0-9a-f]{3,6}), (#[0-9a-f]{3,6})\)")

# What is written on what, with the least contrast. Spec: WCAG 2.2 §1.4.3 and §1.4.11.
SURFACES = ("canvas", "surface", "raised", "sunken")
SOFT = ("brand-soft", "ok-soft", "warn-soft", "bad-soft")
PAIRS: tuple[tuple[str, str, float], ...] = (
    *((words, ground, ENOUGH) for words in ("text", "dim", "faint", "brand") for ground in SURFACES),
    *((words, ground, ENOUGH) for words in ("text", "dim") for ground in SOFT),
    *((tone, ground, ENOUGH) for tone in ("ok", "warn", "bad") for ground in ("canvas", "surface", "sunken")),
    *((tone, f"{tone}-soft", ENOUGH) for tone in ("brand", "ok", "warn", "bad")),
    ("on-brand", "brand", ENOUGH),
    ("on-bad", "bad", ENOUGH),
    *(("edge", ground, EDGE) for ground in SURFACES),
)


def tokens_in(sheet: str, scheme: Scheme) -> dict[str, str]:
    """The colours that a style sheet sets, as one scheme shows them."""
    place = 3 if scheme.is_dark else 2
    return {found[1]: _long(found[place]) for found in _PAIR.finditer(sheet)}


def _long(colour: str) -> str:
    return colour if len(colour) == 7 else "#" + "".join(digit * 2 for digit in colour[1:])


def faults(tokens: dict[str, str]) -> list[str]:
    return [
        f"{words} on {ground}: {contrast(tokens[words], tokens[ground]):.2f} < {least}"
        for words, ground, least in PAIRS
        if contrast(tokens[words], tokens[ground]) < least
    ]


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
def test_every_pair_of_our_own_colours_can_be_told_apart(scheme: Scheme):
    tokens = tokens_in(SHEET, scheme)
    assert {name for pair in PAIRS for name in pair[:2]} <= tokens.keys()
    assert faults(tokens) == []


def test_the_rules_for_brands_know_the_surfaces_that_the_style_sheet_has():
    for scheme in (LIGHT, DARK):
        tokens = tokens_in(SHEET, scheme)
        assert set(scheme.surfaces) == {tokens[name] for name in SURFACES}
        assert scheme.surfaces[1] == tokens["surface"]


def test_the_table_of_the_design_is_what_the_style_sheet_comes_to():
    light, dark = tokens_in(SHEET, LIGHT), tokens_in(SHEET, DARK)
    for words, ground, expected in (
        ("text", "canvas", (15.65, 16.38)),
        ("dim", "surface", (7.11, 8.12)),
        ("faint", "sunken", (4.70, 6.20)),
        ("brand", "brand-soft", (5.84, 6.76)),
        ("edge", "sunken", (3.01, 3.98)),
        ("on-bad", "bad", (6.54, 7.69)),
    ):
        found = tuple(round(contrast(tokens[words], tokens[ground]), 2) for tokens in (light, dark))
        assert found == expected, (words, ground)


def test_a_colour_that_cannot_be_read_is_found():
    tokens = {**tokens_in(SHEET, LIGHT), "faint": "#999999"}
    assert any(fault.startswith("faint on surface") for fault in faults(tokens))


def test_every_pair_holds_under_the_theme_of_any_operator():
    wishes = [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in itertools.product((0, 96, 176, 255), repeat=3)]
    for wish, dark_wish in zip(wishes, reversed(wishes), strict=True):
        for settings in (
            PagesSettings(brand_color=wish),
            PagesSettings(brand_color=wish, brand_color_dark=dark_wish),
        ):
            style = Theme.of(settings).style
            for scheme in (LIGHT, DARK):
                themed = tokens_in(style, scheme)
                assert themed.keys() == {"brand", "on-brand", "brand-soft"}
                found = faults({**tokens_in(SHEET, scheme), **themed})
                assert found == [], (wish, dark_wish, scheme.is_dark, themed)


def test_the_style_sheet_stays_small_and_has_no_colour_outside_its_tokens():
    assert len(SHEET.encode()) < 20_000
    rules = SHEET[SHEET.index("@layer base {") :]
    assert set(re.findall(r"#[0-9a-f]{3,8}\b", rules)) == set()


def test_every_class_of_the_style_sheet_is_one_that_a_page_has():
    selectors = re.sub(r"\{[^{}]*\}", "{}", re.sub(r"/\*.*?\*/", "", SHEET, flags=re.DOTALL))
    styled = set(re.findall(r"\.([a-z][a-z0-9-]*)", selectors))
    written = [path.read_text("utf-8") for path in TEMPLATES.rglob("*.html")]
    written += [file.content.decode() for name, file in FILES.items() if name.endswith(".js") and "/" not in name]
    # Whole words: what is put together from two halves would be found by nobody.
    assert sorted(styled - set(re.findall(r"[a-z][a-z0-9-]*", "".join(written)))) == []
