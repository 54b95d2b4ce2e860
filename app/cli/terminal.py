"""The terminal: whether somebody looks, how wide it is, which colours it takes, and what must never reach it."""

import os
import shutil
import sys
import unicodedata
from enum import StrEnum
from typing import TextIO


class Style(StrEnum):
    """How words look. Spec: ECMA-48 §8.3.117 (SGR)."""

    HEAD = "1;4"
    NAME = "1"
    GOOD = "32"
    CAUTION = "33"
    BAD = "31"


# What states, outcomes and results are called, all over the commands.
_STYLES = {
    **dict.fromkeys(("active", "ok", "success", "granted", "delivered", "enabled"), Style.GOOD),
    **dict.fromkeys(
        ("next", "retiring", "pending", "queued", "sending", "warning", "skipped", "paused", "sleeping", "suspended"),
        Style.CAUTION,
    ),
    **dict.fromkeys(
        ("fault", "refused", "dead", "revoked", "expired", "closed", "disabled", "retired"),
        Style.BAD,
    ),
}


def is_watched(stream: TextIO) -> bool:
    """Whether a stream is a terminal."""
    return stream.isatty()


def takes_colours(stream: TextIO) -> bool:
    """Whether colours may be written: to a terminal that knows them, unless NO_COLOR is set (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def columns() -> int:
    """How many characters fit into a line."""
    return shutil.get_terminal_size().columns


def styled(text: str, style: Style | None, stream: TextIO) -> str:
    """The text in a style, where the stream takes colours."""
    return text if style is None or not takes_colours(stream) else f"\x1b[{style}m{text}\x1b[0m"


def style_of(state: str) -> Style | None:
    """How the name of a state, an outcome or a result looks; None for one that is neither good nor bad."""
    return _STYLES.get(state.casefold())


def printable(text: str) -> str:
    """The text in one line, without what would speak to the terminal: strangers may have typed it."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def cells(text: str) -> int:
    """How many places of a line a printable text takes. Spec: Unicode UAX #11."""
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide - sum(unicodedata.combining(character) > 0 for character in text)


def complain(kind: str, words: str) -> None:
    """Say on standard error what is wrong: `error`, or `warning`."""
    style = Style.BAD if kind == "error" else Style.CAUTION
    print(f"{styled(f'{kind}:', style, sys.stderr)} {words}", file=sys.stderr)
