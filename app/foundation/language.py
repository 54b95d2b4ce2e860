"""The languages of pages and mails: which one a reader gets, its words, and how it writes dates and numbers.

Source text is English and is itself the key: `language.gettext("Sign in")`. Catalogues are the `.po` files in
`app/templates/locales`, read once at start; nothing is compiled. JSON and logs stay English.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Literal

from babel import Locale
from babel.dates import format_date, format_time, format_timedelta, get_datetime_format
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from babel.support import NullTranslations, Translations

SOURCE = "en"
"""The language that the code and the templates are written in."""

CATALOGUES = Path(__file__).parents[1] / "templates" / "locales"

# A longer list is no reader's wish.
_MAX_WISH_CHARACTERS = 512
_MAX_WISHES = 16
_TAG = re.compile(r"[a-z]{2,8}(?:-[a-z0-9]{1,8})*")
_WEIGHT = re.compile(r"q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)")
_Unit = Literal["day", "hour", "minute", "second"]
_UNITS: tuple[tuple[_Unit, int], ...] = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))


def N_(words: str) -> str:  # noqa: N802 — the name by which message extraction knows it
    """Marks words that are translated where they are shown."""
    return words


@dataclass(frozen=True, slots=True, eq=False)
class Language:
    """One language of ours. `tag` is its BCP 47 tag, as `lang` and Content-Language show it. Times are in UTC."""

    tag: str
    locale: Locale
    translations: NullTranslations

    @property
    def direction(self) -> str:
        """`ltr` or `rtl`."""
        return self.locale.text_direction

    @property
    def name(self) -> str:
        """What the language calls itself."""
        return self.locale.get_language_name() or self.tag

    def gettext(self, words: str) -> str:
        """The words in this language, or as they stand where they have no translation."""
        return str(self.translations.gettext(words))

    def ngettext(self, one: str, many: str, count: int) -> str:
        """The form that goes with a count."""
        return str(self.translations.ngettext(one, many, count))

    def date(self, when: datetime) -> str:
        """A day, such as `November 21, 2026`."""
        return format_date(when.astimezone(UTC), "long", self.locale)

    def time(self, when: datetime) -> str:
        """A day and its time, such as `November 21, 2026, 1:00 PM UTC`."""
        pattern = str(get_datetime_format("long", locale=self.locale))
        clock = format_time(when, "short", tzinfo=UTC, locale=self.locale)
        return f"{pattern.replace('{1}', self.date(when)).replace('{0}', clock)} UTC"

    def duration(self, seconds: int) -> str:
        """A length of time in the largest unit that says it exactly, such as `15 minutes`."""
        unit = next(unit for unit, size in _UNITS if seconds % size == 0)
        return format_timedelta(timedelta(seconds=seconds), granularity=unit, threshold=math.inf, locale=self.locale)

    def number(self, value: float) -> str:
        """A number with this language's separators."""
        return format_decimal(value, locale=self.locale)


class Languages:
    """Every language that pages and mails can be written in, the source language first."""

    def __init__(self, folder: Path = CATALOGUES, *, texts: Path | None = None) -> None:
        """`texts` is a folder of catalogues whose words take the place of those in `folder`."""
        known = {SOURCE: Language(SOURCE, Locale(SOURCE), NullTranslations())}
        known |= {path.stem: _read(path) for path in sorted(folder.glob("*.po"))}
        self._by_tag = {tag: _worded(language, texts) for tag, language in known.items()}
        self.source = self._by_tag[SOURCE]

    def __iter__(self) -> Iterator[Language]:
        return iter(self._by_tag.values())

    def find(self, tag: str | None) -> Language | None:
        """The language that serves a tag: `de` for `de-AT`. None for what is no tag or no language of ours.

        Spec: RFC 4647 §3.4.
        """
        wanted = (tag or "")[:_MAX_WISH_CHARACTERS].lower().replace("_", "-")
        if _TAG.fullmatch(wanted) is None:
            return None
        while wanted and wanted not in self._by_tag:
            wanted = wanted.rpartition("-")[0]
        return self._by_tag.get(wanted)

    def get(self, tag: str | None) -> Language:
        """The language that serves a tag, else the source language: for what a user's record holds."""
        return self.find(tag) or self.source

    def translations(self, tag: str | None) -> NullTranslations:
        """The catalogue that serves a tag, for Jinja's `install_gettext_translations`."""
        return self.get(tag).translations

    def negotiate(
        self,
        *,
        ui_locales: str | None = None,
        user: str | None = None,
        cookie: str | None = None,
        accept_language: str | None = None,
    ) -> Language:
        """The reader's language: the first of these wishes that we can fulfil, else the source language.

        `ui_locales` is space-separated, most wanted first (OpenID Connect Core §3.1.2.1); `user` is what the
        account says; `accept_language` is the header as it came (RFC 9110 §12.5.4).
        """
        asked = (ui_locales or "")[:_MAX_WISH_CHARACTERS].split()[:_MAX_WISHES]
        for tag in [*asked, user, cookie, *_accepted(accept_language or "")]:
            found = self.find(tag)
            if found is not None:
                return found
        return self.source


def _worded(language: Language, texts: Path | None) -> Language:
    """A language with the words that a deployment has for it, before ours."""
    path = None if texts is None else texts / f"{language.tag}.po"
    if path is None or not path.is_file():
        return language
    own = _parsed(path)
    own.add_fallback(language.translations)
    return replace(language, translations=own)


@cache
def _read(path: Path) -> Language:
    """A language by its catalogue as it stands in the tree."""
    return Language(path.stem, Locale.parse(path.stem, sep="-"), _parsed(path))


def _parsed(path: Path) -> Translations:
    """A catalogue; entries without a translation or marked fuzzy fall back to English."""
    with path.open("rb") as file:
        catalogue = read_po(file, locale=path.stem, abort_invalid=True)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(compiled)


def _accepted(header: str) -> list[str]:
    """The tags of Accept-Language, most wanted first; what is malformed or refused by `q=0` is left out."""
    weighed = []
    for wish in header[:_MAX_WISH_CHARACTERS].split(",")[:_MAX_WISHES]:
        tag, *parameters = (part.strip() for part in wish.split(";"))
        weight = _WEIGHT.fullmatch(parameters[0].lower()) if parameters else None
        if parameters and weight is None:
            continue
        weighed.append((float(weight[1]) if weight else 1.0, tag))
    return [tag for weight, tag in sorted(weighed, key=lambda pair: -pair[0]) if weight > 0]
