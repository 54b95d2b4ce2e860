"""Row ids: UUIDv7, so that rows of one time lie together and a partition is named by its id. Spec: RFC 9562 §5.7."""

from datetime import datetime
from uuid import UUID

from app.foundation.secrets import random_bytes

_RAND_BITS = (1 << 80) - 1


def new_id(now: datetime) -> UUID:
    """A fresh UUIDv7 for a row made at `now`."""
    return _compose(now, int.from_bytes(random_bytes(10), "big"))


def first_id_at(moment: datetime) -> UUID:
    """The smallest UUIDv7 of `moment`'s millisecond: a bound for partitions and ranges."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)


def _compose(now: datetime, entropy: int) -> UUID:
    value = (int(now.timestamp() * 1000) & ((1 << 48) - 1)) << 80 | (entropy & _RAND_BITS)
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=value)
