"""Whether anything that a token names is revoked: one question to Valkey for many requests of one moment."""

import asyncio
import time
from collections.abc import Sequence

from app.foundation.cache import CacheUnavailable
from app.foundation.metrics import Counter
from app.protocols.jose.claims import TokenClaims
from app.revocation.bloom import NAME_BYTES, pack
from app.revocation.filter import Found, RevocationFilter
from app.revocation.follow import Follower
from app.revocation.kinds import RevocationKind

ANSWER_SECONDS = 0.02
"""Whoever gets no answer within that asks PostgreSQL."""
FRESH_SECONDS = 1.0
"""A process that has not heard of revocations for so long does not know how new a filter must be."""
MAX_AT_ONCE = 2
MAX_TOKENS = 200
_FAILURES = 5
_PAUSE_SECONDS = 1.0

_MEMBERS = tuple((kind, kind.value) for kind in (RevocationKind.SID, RevocationKind.GRANT_ID, RevocationKind.CLIENT_ID))
_LOOKUPS = Counter(
    "revocation_lookups",
    "Tokens looked up in the filter: clear, found and to be confirmed, or not to be told by it.",
    unit="tokens",
    result=("clear", "found", "unknown"),
)


class _Batch:
    """Tokens that are asked about together."""

    __slots__ = ("answer", "names", "tokens")

    def __init__(self) -> None:
        self.names = bytearray()
        self.tokens = 0
        self.answer: asyncio.Task[Found | None] | None = None


class RevocationLookup:
    """The one look-up of whoever judges a token inside the service.

    The filter is trusted where it is as new as this process's own position in the feed, which itself must be fresh: an
    unknown epoch, an older filter, an error or a slow answer all say that PostgreSQL must be asked, as does a name that
    the filter knows. What was revoked is in the filter before its revocation is acknowledged.
    """

    def __init__(self, stored: RevocationFilter, follower: Follower) -> None:
        self._filter = stored
        self._follower = follower
        self._turns = asyncio.Semaphore(MAX_AT_ONCE)
        self._gathering: _Batch | None = None
        self._asking: set[asyncio.Task[Found | None]] = set()
        self._failures = 0
        self._paused_until = 0.0

    async def is_clear(self, verified: TokenClaims) -> bool:
        """Whether nothing that ends this token is revoked, for certain. Where not, PostgreSQL knows; never raises."""
        age, position = self._follower.age_seconds, self._follower.position
        if not self._filter.exists or age is None or age > FRESH_SECONDS or time.monotonic() < self._paused_until:
            _LOOKUPS.add("unknown")
            return False
        names = pack(names_of(verified))
        batch = self._gathering
        if batch is None or batch.answer is None or batch.tokens >= MAX_TOKENS:
            batch = self._gathering = _Batch()
            batch.answer = asyncio.get_running_loop().create_task(self._ask(batch))
            self._asking.add(batch.answer)
            batch.answer.add_done_callback(self._asking.discard)
        start = len(batch.names) // NAME_BYTES
        batch.names += names
        batch.tokens += 1
        # Shielded: a client that hangs up must not take the answer away from the others.
        found = await asyncio.shield(batch.answer)
        if found is None or found.seq < position:
            _LOOKUPS.add("unknown")
            return False
        is_clear = b"1" not in found.maybe[start : start + len(names) // NAME_BYTES]
        _LOOKUPS.add("clear" if is_clear else "found")
        return is_clear

    async def _ask(self, batch: _Batch) -> Found | None:
        async with self._turns:
            if self._gathering is batch:
                self._gathering = None
            epoch = self._follower.epoch
            try:
                found = None
                if epoch is not None:
                    found = await self._filter.ask(epoch, bytes(batch.names), seconds=ANSWER_SECONDS)
            except CacheUnavailable:
                found = None
        self._failures = 0 if found is not None else self._failures + 1
        if self._failures >= _FAILURES:
            # A cache that is slow, or has no filter, costs nobody its time but one in a second.
            self._failures, self._paused_until = _FAILURES - 1, time.monotonic() + _PAUSE_SECONDS
        return found


def names_of(verified: TokenClaims) -> Sequence[tuple[str, str]]:
    """What a token names that a revocation may name too. Its signing key is judged with its signature."""
    claims = verified.members
    named = [(kind.value, str(claims[member])) for kind, member in _MEMBERS if member in claims]
    named += [(RevocationKind.JTI.value, str(claims["jti"])), (RevocationKind.SUB.value, verified.sub)]
    return [*named, *((RevocationKind.AUD.value, audience) for audience in verified.audiences)]
