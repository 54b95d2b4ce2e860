"""Row ids: UUIDv7, so that rows of one time lie together and a partition is named by its id. Spec: RFC 9562 §5.7.

Microseconds stand behind the milliseconds (§6.2, method 3): what one process does in turn has ids in that order.
"""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from app.foundation.secrets import random_bytes

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_RAND_BITS = (1 << 70) - 1


def new_id(now: datetime) -> UUID:
    """A fresh UUIDv7 for a row made at `now`."""
    milliseconds, microseconds = divmod((now - _EPOCH) // _MICROSECOND, 1000)
    # Ten bits of microseconds, then two random ones of the twelve behind the version.
    entropy = microseconds << 70 | int.from_bytes(random_bytes(9), "big") & _RAND_BITS
    value = (milliseconds & ((1 << 48) - 1)) << 80 | 0x7 << 76 | (entropy >> 68) << 64 | 0x2 << 62
    return UUID(int=value | entropy & ((1 << 62) - 1))


def first_id_at(moment: datetime) -> UUID:
    """The smallest UUIDv7 of `moment`'s millisecond: a bound for partitions and ranges."""
    return UUID(int=((moment - _EPOCH) // _MICROSECOND) // 1000 << 80)
