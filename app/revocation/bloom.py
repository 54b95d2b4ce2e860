"""A Bloom filter's arithmetic: pure functions of values. Who is in it is always found; few who are not are found too.

Spec: Kirsch, Mitzenmacher, "Less Hashing, Same Performance: Building a Better Bloom Filter" (2006).
"""

from collections.abc import Iterable
from hashlib import blake2b

BITS_PER_ENTRY = 16
PROBES = 8
NAME_BYTES = 8
"""How a name travels: two numbers of 32 bits, from which every probe is computed."""

LEAST_CAPACITY = 65_536
# The longest value that Valkey takes, in bits, less the header.
_MOST_BITS = 2**32 - 512


def pack(names: Iterable[tuple[str, str]]) -> bytes:
    """Names, each a kind and a target, as the filter's scripts take them, one after the other."""
    return b"".join(
        blake2b(f"{kind}\0{target}".encode(), digest_size=NAME_BYTES, person=b"revoked").digest()
        for kind, target in names
    )


def bits_for(entries: int) -> int:
    """How large a filter is that holds so many entries and as many again before it is full, whole bytes of it."""
    return min(max(2 * entries, LEAST_CAPACITY) * BITS_PER_ENTRY, _MOST_BITS) // 8 * 8


def expected_rate(entries: int, bits: int) -> float:
    """How many of the names that are not in it a filter of that size takes for entries."""
    filled = 1.0 - (1.0 - 1.0 / bits) ** (PROBES * entries)
    return float(filled**PROBES)
