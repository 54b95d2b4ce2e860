"""What a deployment makes of the pages: its colour stays readable, and its pictures stay pictures."""

import itertools
from pathlib import Path

import pytest
from pydantic import ValidationError

from app.foundation.colours import DARK, LIGHT, brand_in, contrast
from app.foundation.language import Languages
from app.foundation.page_settings import PagesSettings
from app.foundation.pages import TEMPLATES, policy
from app.foundation.pictures import MAX_BYTES, parse_picture
from app.foundation.theme import Theme
from app.settings import Settings
from tests.conftest import settings_for
from tests.hosted.conftest import Surfers

SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9">{}</svg>'


def test_a_colour_of_any_hue_can_be_read_on_every_surface_and_is_kept_where_it_can():
    for red, green, blue in itertools.product((0, 51, 128, 204, 255), repeat=3):
        wish = f"#{red:02x}{green:02x}{blue:02x}"
        for scheme in (LIGHT, DARK):
            brand = brand_in(scheme, wish)
            for surface in (*scheme.surfaces, brand.soft, brand.on):
                assert contrast(brand.colour, surface) >= 4.5, (wish, brand, surface)
    assert brand_in(LIGHT, "#0b6472").colour == "#0b6472"
    assert brand_in(DARK, "#62bccb").colour == "#62bccb"
    assert round(contrast("#0b6472", "#f6f6f3"), 2) == 6.30


def test_a_colour_that_was_not_followed_is_said():
    theme = Theme.of(PagesSettings(brand_color="#FFCC00", font=("Inter",), radius_rem=0.25))
    assert theme.notes
    assert theme.notes[0].startswith("#ffcc00 is shown as #")
    assert theme.notes[0] in theme.style
    assert '--font: "Inter", system-ui' in theme.style
    assert "--radius: 0.25rem" in theme.style
    assert Theme.of(PagesSettings()).style_path is None


@pytest.mark.attack("WEB-02")
@pytest.mark.parametrize(
    "content",
    [
        SVG.format("<script>alert(1)</script>").encode(),
        SVG.format('<g onload="alert(1)"/>').encode(),
        SVG.format('<foreignObject><b xmlns="http://www.w3.org/1999/xhtml"/></foreignObject>').encode(),
        SVG.format('<use href="https://evil.example/x.svg#a"/>').encode(),
        SVG.format('<path style="fill:url(https://evil.example/a)"/>').encode(),
        SVG.format('<a href="javascript:alert(1)"><path/></a>').encode(),
        SVG.format('<set attributeName="onload" to="alert(1)"/>').encode(),
        b'<!DOCTYPE svg [<!ENTITY a "b">]><svg xmlns="http://www.w3.org/2000/svg"/>',
        b'<?xml-stylesheet href="https://evil.example/a.css"?><svg xmlns="http://www.w3.org/2000/svg"/>',
        b"<html><script>alert(1)</script></html>",
        b"GIF89a",
        b"",
        b"\x89PNG\r\n\x1a\n" + bytes(MAX_BYTES),
    ],
)
def test_a_logo_that_could_do_more_than_be_seen_is_refused(content: bytes, tmp_path: Path):
    with pytest.raises(ValueError, match="logo"):
        parse_picture(content)
    file = tmp_path / "logo.svg"
    file.write_bytes(content)
    with pytest.raises(ValidationError, match="logo"):
        PagesSettings(logo=file)


def test_a_redirect_origin_that_is_none_writes_nothing_into_the_policy():
    for odd in ("https://a.example; script-src *", "https://a.example/path", "*", "https:", "data: x", "https://a b"):
        assert "form-action 'self'; frame" in policy(None, odd)
    assert "form-action 'self' https://a.example:8443; " in policy(None, "https://a.example:8443")
    assert "form-action 'self' com.example.app:; " in policy(None, "com.example.app:")


def test_a_deployments_words_take_the_place_of_ours(tmp_path: Path):
    head = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n\n'
    (tmp_path / "en.po").write_text(f'{head}msgid "Sign in"\nmsgstr "Come in"\n')
    (tmp_path / "de.po").write_text(f'{head}msgid "Sign in"\nmsgstr "Komm rein"\n')
    languages = Languages(texts=tmp_path)
    assert languages.get("en").gettext("Sign in") == "Come in"
    assert languages.get("en").gettext("Password") == "Password"
    assert (languages.get("de").gettext("Sign in"), languages.get("de").gettext("Password")) == (
        "Komm rein",
        "Passwort",
    )
    assert Languages().get("de").gettext("Sign in") == "Anmelden"


@pytest.mark.anyio
class TestADeploymentsPages:
    @pytest.fixture
    def settings(self, database_url: str, engines, tmp_path: Path) -> Settings:
        (tmp_path / "logo.svg").write_text(SVG.format('<path d="M0 0h9v9z" fill="#7a1fa2"/>'))
        folder = tmp_path / "templates" / "login"
        folder.mkdir(parents=True)
        (folder / "over.html").write_text('{% extends "ours/login/over.html" %}{% block title %}Gone{% endblock %}')
        pages = {
            "name": "Acme",
            "brand_color": "#7a1fa2",
            "logo": tmp_path / "logo.svg",
            "templates": tmp_path / "templates",
        }
        return settings_for(database_url, engines, pages=pages)

    async def test_colour_logo_and_templates_are_the_deployments(self, surfers: Surfers):
        reader = surfers.open()
        page = await reader.open("/login")
        style = await reader.client.get(
            page.answer.text.split('href="/theme.css')[1].split('"')[0].join(["/theme.css", ""])
        )
        assert style.headers["content-type"] == "text/css; charset=utf-8"
        assert "immutable" in style.headers["cache-control"]
        assert "--brand: light-dark(#7a1fa2, #" in style.text
        assert page.answer.text.index("/ui.css") < page.answer.text.index("/theme.css")
        logo = await reader.client.get("/theme/logo")
        assert logo.headers["content-type"] == "image/svg+xml"
        assert logo.headers["content-security-policy"] == "default-src 'none'; sandbox"
        assert logo.headers["x-content-type-options"] == "nosniff"
        assert (await reader.client.get("/theme/logo-dark")).status_code == 404
        page = await reader.open("/login?flow=none")
        assert "<title>Gone · Acme</title>" in page.answer.text
        assert page.heading == "This sign-in is over"
        assert (TEMPLATES / "login" / "over.html").is_file()
