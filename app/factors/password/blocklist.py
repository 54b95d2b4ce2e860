"""Passwords that are too well known, as a Bloom filter that ships with the service.

Nothing is asked of anyone over a network. `tools/build_common_passwords.py` makes the filter; NOTICE names the
list that it was made from.
"""

import hashlib
import unicodedata
from pathlib import Path

from rbloom import Bloom

FILTER = Path(__file__).parent / "data" / "common_passwords.bloom"


class CommonPasswords:
    """Common and breached passwords of eight characters and more, without regard to case.

    One password in 20 000 that is not on the list is taken to be: its owner chooses another.
    """

    def __init__(self, path: Path = FILTER) -> None:
        self._filter = Bloom.load(str(path), entry_hash)

    def __contains__(self, folded: object) -> bool:
        """Whether a password, as `fold` leaves it, is on the list."""
        return folded in self._filter


def fold(password: str) -> str:
    """What makes two passwords the same word to a guesser: compatibility forms and case are taken away."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", password).casefold())


def entry_hash(entry: str) -> int:
    """The 128-bit number by which the filter knows an entry: the same on every machine, unlike `hash`."""
    return int.from_bytes(hashlib.sha256(entry.encode()).digest()[:16], "big", signed=True)
