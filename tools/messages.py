"""Collects what pages and mails say from the code and the templates, and writes it into every catalogue.

`python -m tools.messages` adds new messages without a translation and drops those that nobody says any more;
`--check` only compares, and names what has no translation.
"""

import re
import sys
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from app.foundation.language import CATALOGUES

PROJECT = Path(__file__).parents[1]

_METHODS = [
    ("**.py", "python"),
    ("templates/**.html", "jinja2"),
    ("templates/**.txt", "jinja2"),
    ("templates/**.mjml", "jinja2"),
    ("templates/**.svg", "jinja2"),
]
_OPTIONS = {pattern: {"trimmed": "true", "silent": "false"} for pattern, method in _METHODS if method == "jinja2"}
_KEYWORDS: dict[str, tuple[int, ...] | None] = {"gettext": None, "_": None, "N_": None, "ngettext": (1, 2)}
_HEADER = """\
# Language: {tag}. Written by `python -m tools.messages`; only the translations are by hand.
msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\\n"
"Language: {tag}\\n"
"Plural-Forms: {plural}\\n"

"""
PARTIAL = frozenset({"ar"})
"""Languages that prove something, here what is written from right to left, and may lag behind."""
UNTRANSLATED = "no translation"
_PLACEHOLDER = re.compile(r"%\((\w+)\)")


def said(root: Path = PROJECT) -> Catalog:
    """Every message of the code and the templates."""
    catalogue = Catalog()
    found = extract_from_dir(
        root / "app", method_map=_METHODS, options_map=_OPTIONS, keywords=_KEYWORDS, comment_tags=("Translators:",)
    )
    for _, _, message, comments, _ in found:
        catalogue.add(message, auto_comments=comments)
    return catalogue


def written(path: Path) -> Catalog:
    """A catalogue as it stands in the tree."""
    with path.open("rb") as file:
        return read_po(file, locale=path.stem, abort_invalid=True)


def renewed(path: Path, messages: Catalog) -> bytes:
    """The catalogue with the messages that are said now, in a stable order; translations are kept."""
    old = written(path)
    new = Catalog(locale=path.stem)
    for message in messages:
        if message.id:
            kept = old.get(message.id)
            new.add(message.id, kept.string if kept else None, auto_comments=message.auto_comments)
    body = BytesIO()
    write_po(body, new, width=110, no_location=True, omit_header=True, sort_output=True)
    return _HEADER.format(tag=path.stem, plural=new.plural_forms).encode() + body.getvalue()


def faults(path: Path, messages: Catalog) -> Iterator[str]:
    """What is wrong with a catalogue: not in step, not translated, or with other placeholders than the source."""
    if renewed(path, messages) != path.read_bytes():
        yield f"{path.name} is not in step; run: python -m tools.messages"
    partial = path.stem in PARTIAL
    for message in written(path):
        if message.id:
            found = [words for words in _faults_of(message) if not (partial and words == UNTRANSLATED)]
            yield from (f"{path.name}: {message.id!r}: {words}" for words in found)


def _faults_of(message: Message) -> Iterator[str]:
    translated = [text or "" for text in _as_list(message.string)]
    if message.fuzzy or not all(translated):
        yield UNTRANSLATED
        return
    wanted = _placeholders(_as_list(message.id))
    if _placeholders(translated) != wanted:
        yield f"its placeholders are not {sorted(wanted)}"


def _as_list(text: str | Sequence[str | None] | None) -> list[str | None]:
    return [text] if text is None or isinstance(text, str) else [*text]


def _placeholders(texts: Sequence[str | None]) -> set[str]:
    return {name for text in texts for name in _PLACEHOLDER.findall(text or "")}


def main(arguments: list[str]) -> int:
    """Returns the exit status: 1 when `--check` finds a fault."""
    messages = said()
    found: list[str] = []
    for path in sorted(CATALOGUES.glob("*.po")):
        if "--check" not in arguments:
            path.write_bytes(renewed(path, messages))
        found += faults(path, messages)
    print("\n".join(found) or "every catalogue is whole and in step")
    return 1 if found and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
