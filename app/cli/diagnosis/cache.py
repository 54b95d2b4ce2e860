"""Valkey or Redis."""

import time

from app.cli.diagnosis.finding import Finding, fault, ok
from app.foundation.cache import TOTAL_SECONDS, Cache, CacheUnavailable

_CHECK = "cache"
# The first connection may take longer than one that stands.
_ATTEMPTS = 3


async def examine_cache(url: str | None) -> Finding:
    """Ask for a sign of life, within the time that requests give it."""
    if url is None:
        return ok(_CHECK, "none: enough for one web process")
    try:
        cache = Cache(url)
    except ValueError:
        return fault(_CHECK, "REDIS__URL cannot be understood.", "Write it as redis://user:password@host:6379/0.")
    try:
        return await _ping(cache)
    finally:
        await cache.close()


async def _ping(cache: Cache) -> Finding:
    for _ in range(_ATTEMPTS):
        started = time.perf_counter()
        try:
            await cache.ping()
        except CacheUnavailable:
            continue
        return ok(_CHECK, f"answers in {(time.perf_counter() - started) * 1000:.1f} ms")
    found = f"Nobody answers within {TOTAL_SECONDS * 1000:.0f} ms, or it refuses this user or password."
    return fault(_CHECK, found, "Start Valkey, correct REDIS__URL, or move it nearer: a slow cache is no cache.")
