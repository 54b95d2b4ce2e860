"""A reader gets the first language they ask for that we have, and dates and numbers as written there."""

from datetime import UTC, datetime

import pytest
from jinja2 import DictLoader, UndefinedError

from app.foundation.language import Languages
from app.foundation.templating import environments

WHEN = datetime(2026, 11, 21, 13, 0, 5, tzinfo=UTC)


@pytest.fixture(scope="module")
def languages() -> Languages:
    return Languages()


@pytest.mark.parametrize(
    ("wishes", "tag"),
    [
        ({}, "en"),
        ({"accept_language": "de"}, "de"),
        ({"accept_language": "de-AT,en;q=0.5"}, "de"),
        ({"accept_language": "fr, en;q=0.3, de;q=0.8"}, "de"),
        ({"accept_language": "de;q=0, en"}, "en"),
        ({"accept_language": "de;q=0"}, "en"),
        ({"accept_language": "*"}, "en"),
        ({"accept_language": "de;q=high"}, "en"),
        ({"cookie": "de", "accept_language": "en"}, "de"),
        ({"user": "en", "cookie": "de", "accept_language": "de"}, "en"),
        ({"ui_locales": "fr de en", "user": "en", "cookie": "en"}, "de"),
        ({"ui_locales": "fr", "user": "de"}, "de"),
        ({"ui_locales": "de_CH"}, "de"),
        ({"ui_locales": "DE-ch-1996"}, "de"),
    ],
)
@pytest.mark.spec("RFC 4647 §3.4")
def test_the_first_wish_that_can_be_fulfilled_wins(languages, wishes, tag):
    assert languages.negotiate(**wishes).tag == tag


@pytest.mark.parametrize(
    "text", ["../../etc/passwd", "x\r\nSet-Cookie: de=b", "\0", "d" * 100_000, ";;;,,,q=", "dé", "-de"]
)
def test_what_is_no_language_is_english_and_never_an_error(languages, text):
    wishes = {"ui_locales": text, "user": text, "cookie": text, "accept_language": text}
    assert languages.negotiate(**wishes).tag == "en"
    assert languages.get(text) is languages.source


def test_dates_and_numbers_are_written_as_the_language_does(languages):
    english, german = languages.get("en"), languages.get("de")
    assert english.date(WHEN) == "November 21, 2026"
    assert german.date(WHEN) == "21. November 2026"
    assert english.time(WHEN).replace("\u202f", " ") == "November 21, 2026, 1:00 PM UTC"
    assert german.time(WHEN) == "21. November 2026, 13:00 UTC"
    assert (english.number(1234.5), german.number(1234.5)) == ("1,234.5", "1.234,5")


@pytest.mark.parametrize(
    ("seconds", "english", "german"),
    [
        (90, "90 seconds", "90 Sekunden"),
        (900, "15 minutes", "15 Minuten"),
        (3_600, "1 hour", "1 Stunde"),
        (86_400, "1 day", "1 Tag"),
        (2_592_000, "30 days", "30 Tage"),
    ],
)
def test_a_length_of_time_is_said_exactly(languages, seconds, english, german):
    assert languages.get("en").duration(seconds) == english
    assert languages.get("de").duration(seconds) == german


def test_each_language_calls_itself_by_its_own_name(languages):
    assert [(language.tag, language.name, language.direction) for language in languages] == [
        ("en", "English", "ltr"),
        ("ar", "العربية", "rtl"),
        ("de", "Deutsch", "ltr"),
    ]


def test_a_template_speaks_its_language_and_escapes_what_it_is_given(tmp_path):
    (tmp_path / "de.po").write_text(
        'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'
        'msgid "Hello %(name)s, we wait %(time)s"\nmsgstr "Hallo %(name)s, wir warten %(time)s"\n'
    )
    source = "{% trans name=name, time=seconds | duration %}\n  Hello {{ name }},\n  we wait {{ time }}\n{% endtrans %}"
    made = environments(Languages(tmp_path), DictLoader({"page.html": source, "mail.txt": source}))
    values = {"name": "<Ann>", "seconds": 900}
    assert made["de"].get_template("page.html").render(values) == "Hallo &lt;Ann&gt;, wir warten 15 Minuten"
    assert made["en"].get_template("page.html").render(values) == "Hello &lt;Ann&gt;, we wait 15 minutes"
    assert made["de"].get_template("mail.txt").render(values) == "Hallo <Ann>, wir warten 15 Minuten"


def test_a_value_that_was_forgotten_is_an_error_and_no_empty_place(languages):
    template = environments(languages, DictLoader({"page.html": "{{ name }}"}))["en"].get_template("page.html")
    with pytest.raises(UndefinedError):
        template.render()


def test_a_count_takes_its_form(tmp_path):
    (tmp_path / "de.po").write_text(
        'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\nPlural-Forms: nplurals=2; plural=(n != 1);\\n"\n\n'
        'msgid "one session"\nmsgid_plural "%(num)s sessions"\n'
        'msgstr[0] "eine Sitzung"\nmsgstr[1] "%(num)s Sitzungen"\n'
    )
    german = Languages(tmp_path).get("de")
    assert [german.ngettext("one session", "%(num)s sessions", count) % {"num": count} for count in (1, 2)] == [
        "eine Sitzung",
        "2 Sitzungen",
    ]
