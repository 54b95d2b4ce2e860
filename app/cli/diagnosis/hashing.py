"""How long one check of a password takes here."""

import time

from app.cli.diagnosis.finding import Finding, ok, warning
from app.factors.password.hashing import PasswordHasher

_CHECK = "hashing"
_SLOW_SECONDS = 0.5
_ROUNDS = 3


async def examine_hashing(threads: int, queue: int) -> Finding:
    """Time the check that every sign-in makes; the best of a few, with nothing beside it."""
    hasher = PasswordHasher(threads=threads, queue=queue)
    try:
        best = min([await _once(hasher) for _ in range(_ROUNDS)])
    finally:
        hasher.close()
    found = f"one check takes {best * 1000:.0f} ms; {threads} at once in each process, {queue} more may wait"
    if best > _SLOW_SECONDS:
        return warning(_CHECK, found, "Give the host more CPU: a sign-in takes at least this long.")
    return ok(_CHECK, found)


async def _once(hasher: PasswordHasher) -> float:
    started = time.perf_counter()
    await hasher.verify_nothing()
    return time.perf_counter() - started
