"""The issuer's public keys: fetched once, refreshed ahead of time, kept while the service is down."""

import asyncio
import logging
import re
import time
from collections import deque
from collections.abc import Awaitable, Callable

from auth_service_sdk.client import Answer, ServiceConnection, Unreachable
from auth_service_sdk.errors import KeysUnavailable
from auth_service_sdk.gate import shown
from auth_service_sdk.jwks import MAX_JWKS_BYTES, UnusableKeySet, parse_key_set
from auth_service_sdk.verifier import SigningKey

JWKS_PATH = "/.well-known/jwks.json"
DEFAULT_MAX_AGE_SECONDS = 240
MIN_MAX_AGE_SECONDS, MAX_MAX_AGE_SECONDS = 30, 3600
"""The bounds within which the answer's Cache-Control max-age is honoured."""
REFRESH_AHEAD = 0.75
"""The share of max-age after which a request starts a refresh without waiting for it."""
HARD_LIMIT_SECONDS = 24 * 3600
"""Keys that could not be refreshed for so long verify nothing any more."""
UNKNOWN_KID_FETCHES, UNKNOWN_KID_WINDOW_SECONDS = 2, 60
"""An unknown `kid` causes a fetch only while fewer than so many fetches were made in the window."""
MAX_BACKOFF_SECONDS = 30
REPLACEMENT_SECONDS = 60
"""How long the old keys verify on beside a set that shares no key with them."""
_MAX_UNKNOWN_KIDS = 256
_MAX_AGE = re.compile(r"(?:^|[\s,])max-age=\"?(\d{1,9})")

_log = logging.getLogger("auth_service_sdk")


class KeySet:
    """Finds the issuer's keys by `kid`. One fetch is under way at most, whoever asks.

    An answer that is no sound key set changes nothing: the last good set stays, up to HARD_LIMIT_SECONDS. A sound
    one replaces it whole, so that a withdrawn key is gone. One exception: a set without any of the known keys is
    more often a wrong server than a change of all keys at once, so the old ones stay for REPLACEMENT_SECONDS more.
    """

    def __init__(
        self,
        source: ServiceConnection | Callable[[], Awaitable[Answer]],
        *,
        read: Callable[[int, bytes], dict[str, SigningKey]] = parse_key_set,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Fetch from JWKS_PATH of a service, or by a function that raises Unreachable when it cannot.

        `read` makes keys of an answer's status and body, or raises UnusableKeySet.
        """
        self._source = source
        self._read = read
        self._monotonic = monotonic
        self._keys: dict[str, SigningKey] = {}
        self._replaced: dict[str, SigningKey] = {}
        self._replaced_since = 0.0
        self._fetched_at: float | None = None
        self._max_age = float(DEFAULT_MAX_AGE_SECONDS)
        self._failures = 0
        self._retry_at = 0.0
        self._attempts: deque[float] = deque(maxlen=UNKNOWN_KID_FETCHES)
        self._unknown: dict[str, float] = {}
        self._flight: asyncio.Task[None] | None = None

    async def find(self, kid: str) -> SigningKey | None:
        """Find a key; None when the issuer publishes none of that name.

        Waits for the network when there are no keys yet, when they have outlived max-age, or (rarely, see
        UNKNOWN_KID_FETCHES) for an unknown `kid`. Raises KeysUnavailable when there are no keys to rely on.
        """
        await self._keep_fresh()
        if self._replaced and self._monotonic() - self._replaced_since >= REPLACEMENT_SECONDS:
            self._replaced = {}
        key = self._keys.get(kid) or self._replaced.get(kid)
        if key is None and self._is_under_way():
            # Whoever meets a new key at the same moment waits for the fetch it has caused, and spends none.
            await self._refresh()
            key = self._keys.get(kid)
        if key is None and self._may_look_up(kid):
            await self._refresh()
            key = self._keys.get(kid)
            if key is None:
                self._remember_unknown(kid)
        return key

    async def _keep_fresh(self) -> None:
        now = self._monotonic()
        if self._fetched_at is None or now - self._fetched_at >= self._max_age:
            if now >= self._retry_at:
                await self._refresh()
        elif now - self._fetched_at >= self._max_age * REFRESH_AHEAD and now >= self._retry_at:
            self._start()
        now = self._monotonic()
        if self._fetched_at is None or now - self._fetched_at >= HARD_LIMIT_SECONDS:
            wait = max(1, round(self._retry_at - now))
            state = "were never obtained" if self._fetched_at is None else "are past their hard limit"
            raise KeysUnavailable(f"the keys of the issuer {state}", retry_after_seconds=wait)

    def _may_look_up(self, kid: str) -> bool:
        now = self._monotonic()
        recent = sum(1 for at in self._attempts if now - at < UNKNOWN_KID_WINDOW_SECONDS)
        missed_at = self._unknown.get(kid)
        missed_lately = missed_at is not None and now - missed_at < UNKNOWN_KID_WINDOW_SECONDS
        return recent < UNKNOWN_KID_FETCHES and not missed_lately and now >= self._retry_at

    def _remember_unknown(self, kid: str) -> None:
        if len(self._unknown) >= _MAX_UNKNOWN_KIDS:
            self._unknown.clear()
        self._unknown[kid] = self._monotonic()

    async def _refresh(self) -> None:
        # Shielded: a caller that hangs up must not take the fetch away from the others.
        await asyncio.shield(self._start())

    def _start(self) -> asyncio.Task[None]:
        if self._flight is None or not self._is_under_way():
            self._attempts.append(self._monotonic())
            self._flight = asyncio.get_running_loop().create_task(self._fetch())
        return self._flight

    def _is_under_way(self) -> bool:
        flight = self._flight
        return flight is not None and not flight.done() and flight.get_loop() is asyncio.get_running_loop()

    async def _fetch(self) -> None:
        asked_at = self._monotonic()
        try:
            answer = await self._ask()
            keys = self._read(answer.status, answer.body)
        except (Unreachable, UnusableKeySet) as error:
            self._failed(error)
            return
        self._accept(keys, asked_at, max_age_seconds(answer.headers.get("cache-control", "")))

    async def _ask(self) -> Answer:
        if isinstance(self._source, ServiceConnection):
            return await self._source.get(JWKS_PATH, max_bytes=MAX_JWKS_BYTES)
        return await self._source()

    def _failed(self, error: Exception) -> None:
        wait = min(2.0**self._failures, MAX_BACKOFF_SECONDS)
        self._failures = min(self._failures + 1, 10)
        self._retry_at = self._monotonic() + wait
        kept = f"the last good set of {len(self._keys)} stays" if self._keys else "there is none yet"
        _log.error("key set not taken from the issuer: %s; %s; next try in %g s", shown(str(error)), kept, wait)

    def _accept(self, keys: dict[str, SigningKey], now: float, max_age: float) -> None:
        known = {key.thumbprint for key in self._keys.values()}
        if known and known.isdisjoint(key.thumbprint for key in keys.values()):
            self._replaced, self._replaced_since = self._keys, now
            # Asked again before the old keys go, so that a wrong server's answer heals without a refused token.
            max_age = min(max_age, REPLACEMENT_SECONDS)
            _log.error("the issuer changed all of its keys at once; the old ones stay for %s s", REPLACEMENT_SECONDS)
        self._keys, self._fetched_at, self._max_age = keys, now, max_age
        self._failures, self._retry_at = 0, 0.0
        self._unknown.clear()


def max_age_seconds(
    cache_control: str,
    default: float = DEFAULT_MAX_AGE_SECONDS,
    least: float = MIN_MAX_AGE_SECONDS,
    most: float = MAX_MAX_AGE_SECONDS,
) -> float:
    """Return the max-age of a Cache-Control header within bounds; `default` where it has none."""
    match = _MAX_AGE.search(cache_control.lower())
    seconds = int(match.group(1)) if match else default
    return float(min(max(seconds, least), most))
