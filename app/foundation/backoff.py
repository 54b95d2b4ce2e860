"""How long to wait before something that failed is tried again."""

from datetime import timedelta

from app.foundation.secrets import random_bytes

_FIRST_DELAY = timedelta(seconds=5)
_LONGEST_DELAY = timedelta(hours=1)


def delay_after(attempts: int) -> timedelta:
    """How long to wait after so many attempts: doubling from five seconds to an hour, each between half and whole.

    The jitter keeps what failed together from coming back together.
    """
    doublings: int = 2 ** min(max(attempts, 1) - 1, 16)
    longest: timedelta = min(_FIRST_DELAY * doublings, _LONGEST_DELAY)
    return longest * (0.5 + int.from_bytes(random_bytes(4), "big") / 2**33)
