"""The rules for choosing a password. There are none about kinds of characters. Spec: NIST SP 800-63B-4 §3.1.1.2."""

import re
import unicodedata
from collections.abc import Container, Iterable
from dataclasses import dataclass
from enum import StrEnum

from zxcvbn_rs_py import zxcvbn

from app.factors.password.blocklist import fold

MAX_CHARACTERS = 256

# NIST's minimum where the password is the only factor: from here on length alone is enough.
LONG_CHARACTERS = 15
MIN_SCORE = 3

# No composed character stands for more than four, so a longer text cannot be a password of the greatest length.
# Normalising is what costs: the time to order a run of combining marks grows with its square.
_MAX_RAW_CHARACTERS = 4 * MAX_CHARACTERS

_MIN_WORD_CHARACTERS = 3
_WORD = re.compile(r"[^\W_]+")
_LETTERS = re.compile(r"[^\W\d_]+")


class FaultCode(StrEnum):
    """Why a password is refused."""

    NOT_TEXT = "not_text"
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    TOO_COMMON = "too_common"
    TOO_PERSONAL = "too_personal"
    TOO_WEAK = "too_weak"


@dataclass(frozen=True, slots=True)
class Fault:
    """A rule that a password breaks, in words for its owner."""

    code: FaultCode
    words: str


_NOT_TEXT = Fault(FaultCode.NOT_TEXT, "The password holds characters that are not text.")
_TOO_LONG = Fault(FaultCode.TOO_LONG, f"The password has more than {MAX_CHARACTERS} characters.")
_TOO_COMMON = Fault(
    FaultCode.TOO_COMMON, "This password is on lists of common and leaked ones, which guessers try first."
)
_TOO_PERSONAL = Fault(
    FaultCode.TOO_PERSONAL, "The password is mostly your name, your e-mail address or the name of this service."
)
_TOO_WEAK = Fault(
    FaultCode.TOO_WEAK,
    f"The password is easy to guess. Add another word or two; from {LONG_CHARACTERS} characters on, length is enough.",
)


def prepare(raw: str) -> str | None:
    """The form in which a password is counted and hashed: NFKC, so that every keyboard's spelling of it is the same.

    None for what no password can be: too long, or with code points that are no characters.
    """
    if len(raw) > _MAX_RAW_CHARACTERS:
        return None
    prepared = unicodedata.normalize("NFKC", raw)
    return prepared if len(prepared) <= MAX_CHARACTERS and _is_text(prepared) else None


def check(raw: str, *, min_length: int, words: Iterable[str], common: Container[str]) -> tuple[Fault, ...]:
    """Every rule that a password breaks; none for a good one.

    `words` are texts that a guesser who knows the person or the place would try, `common` knows folded passwords.
    """
    prepared = prepare(raw)
    if prepared is None:
        return (_TOO_LONG,) if _is_text(raw) else (_NOT_TEXT,)
    if len(prepared) < min_length:
        return (Fault(FaultCode.TOO_SHORT, f"The password has fewer than {min_length} characters."),)
    folded, known = fold(prepared), words_in(words)
    faults = []
    if folded in common or folded.strip() in common:
        faults.append(_TOO_COMMON)
    if _is_mostly(folded, known):
        faults.append(_TOO_PERSONAL)
    # The estimate's time grows with more than the length: long passwords, which need none, get none.
    if not faults and len(prepared) < LONG_CHARACTERS and int(zxcvbn(prepared, known).score) < MIN_SCORE:
        faults.append(_TOO_WEAK)
    return tuple(faults)


def words_in(texts: Iterable[str]) -> list[str]:
    """The texts themselves, their words and their runs of letters, folded, the longest first."""
    found: set[str] = set()
    for text in map(fold, texts):
        found |= {text.strip(), *_WORD.findall(text), *_LETTERS.findall(text)}
    return sorted((word for word in found if len(word) >= _MIN_WORD_CHARACTERS), key=lambda word: (-len(word), word))


def _is_mostly(folded: str, words: list[str]) -> bool:
    """Whether half of a password or more is made of the words."""
    if not words:
        return False
    rest = re.sub("|".join(map(re.escape, words)), "", folded)
    return 2 * (len(folded) - len(rest)) >= len(folded)


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text
