"""Making a mail's words out of its template, in its reader's language.

The layout is MJML. It is compiled once in a process, when the first mail is composed, with Jinja's own marks still
in it: no value ever reaches the compiler, and afterwards every value is escaped where it is put in.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

from jinja2 import Environment, StrictUndefined, Template

from app.foundation.language import Language, Languages
from app.foundation.mail import messages

_FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Composed:
    """A mail as its reader sees it; the text says all that the HTML does."""

    subject: str
    text: str
    html: str


class Composer:
    """Composes mails. `service` is what the reader knows us by, the host of PUBLIC_URL."""

    def __init__(self, *, service: str) -> None:
        self._service = service
        self._languages = Languages()

    def compose(self, template: str, locale: str | None, values: Mapping[str, str | int]) -> Composed:
        """The mail in the language that serves `locale`. Raises KeyError for a template that there is not."""
        language = self._languages.get(locale)
        context = self._context(messages.MESSAGES[template], language, values)
        text, html = self._text.render(context), self._html.render(context)
        return Composed(subject=str(context["subject"]), text=text, html=html)

    @cached_property
    def _html(self) -> Template:
        # Where mails are composed, which web processes leave to workers.
        from mrml import RenderOptions, to_html  # noqa: PLC0415

        environment = Environment(autoescape=True, undefined=StrictUndefined)
        # The source is ours; what it holds of values are Jinja's marks.
        # Without fonts of its own: a mail that fetches one from elsewhere tells who reads it.
        compiled = to_html((_FOLDER / "layout.mjml").read_text(), None, RenderOptions(fonts={}))
        return environment.from_string(compiled.content)

    @cached_property
    def _text(self) -> Template:
        # Plain text has nothing to escape; values are single lines by then.
        environment = Environment(autoescape=False, undefined=StrictUndefined, trim_blocks=True)  # noqa: S701
        return environment.from_string((_FOLDER / "layout.txt").read_text())

    def _context(
        self, message: messages.Message, language: Language, values: Mapping[str, str | int]
    ) -> Mapping[str, object]:
        shown = {name: _shown(name, value, language) for name, value in values.items()} | {"service": self._service}

        def say(words: str) -> str:
            return language.gettext(words) % shown

        buttons = [button for button in (message.button, message.second_button) if button is not None]
        return {
            "language": language,
            "subject": say(message.subject),
            "paragraphs": [say(words) for words in message.paragraphs],
            "code": shown[message.code] if message.code is not None else None,
            "facts": [(say(label), shown[name]) for label, name in message.facts],
            "buttons": [(say(label), shown[name]) for label, name in buttons],
            "closing": [say(words) for words in message.closing],
            "wasnt_me": say(messages.WASNT_ME),
            "wasnt_me_words": say(messages.WASNT_ME_WORDS),
            "wasnt_me_url": shown["wasnt_me_url"] if message.warns else None,
            "link_words": say(messages.LINK_WORDS),
            "footer": say(messages.FOOTER),
        }


def _shown(name: str, value: str | int, language: Language) -> str:
    if name == "expires_in":
        return language.duration(int(value))
    if name == "at":
        return language.time(datetime.fromisoformat(str(value)))
    if name == "change":
        return language.gettext(messages.MFA_CHANGES[str(value)])
    return str(value)
