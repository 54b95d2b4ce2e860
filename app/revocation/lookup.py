"""Whether anything that a token names is revoked: one question to Valkey for many requests of one moment."""

import time
from collections.abc import Sequence
from typing import NamedTuple

from app.foundation.cache import CacheUnavailable
from app.foundation.gathering import Gathering, Pace
from app.foundation.metrics import Counter
from app.protocols.jose.claims import TokenClaims
from app.revocation.bloom import NAME_BYTES, pack
from app.revocation.filter import RevocationFilter
from app.revocation.follow import Follower
from app.revocation.kinds import RevocationKind

ANSWER_SECONDS = 0.02
"""Whoever gets no answer within that asks PostgreSQL."""
FRESH_SECONDS = 1.0
"""A process that has not heard of revocations for so long does not know how new a filter must be."""
_PACE = Pace(at_once=2, most=200)
_FAILURES = 5
_PAUSE_SECONDS = 1.0

_MEMBERS = tuple((kind, kind.value) for kind in (RevocationKind.SID, RevocationKind.GRANT_ID, RevocationKind.CLIENT_ID))
_LOOKUPS = Counter(
    "revocation_lookups",
    "Tokens looked up in the filter: clear, found and to be confirmed, or not to be told by it.",
    unit="tokens",
    result=("clear", "found", "unknown"),
)


class _Told(NamedTuple):
    """The position of the filter that was asked, and whether it knows none of a token's names."""

    seq: int
    is_clear: bool


class RevocationLookup:
    """The one look-up of whoever judges a token inside the service.

    The filter is trusted where it is as new as this process's own position in the feed, which itself must be fresh: an
    unknown epoch, an older filter, an error or a slow answer all say that PostgreSQL must be asked, as does a name that
    the filter knows. What was revoked is in the filter before its revocation is acknowledged.
    """

    def __init__(self, stored: RevocationFilter, follower: Follower) -> None:
        self._filter = stored
        self._follower = follower
        self._gathering = Gathering[bytes, _Told | None](self._ask, _PACE)
        self._failures = 0
        self._paused_until = 0.0

    async def is_clear(self, verified: TokenClaims) -> bool:
        """Whether nothing that ends this token is revoked, for certain. Where not, PostgreSQL knows; never raises."""
        age, position = self._follower.age_seconds, self._follower.position
        if not self._filter.exists or age is None or age > FRESH_SECONDS or time.monotonic() < self._paused_until:
            _LOOKUPS.add("unknown")
            return False
        told = await self._gathering.ask(pack(names_of(verified)))
        if told is None or told.seq < position:
            _LOOKUPS.add("unknown")
            return False
        _LOOKUPS.add("clear" if told.is_clear else "found")
        return told.is_clear

    async def _ask(self, tokens: Sequence[bytes]) -> Sequence[_Told | None]:
        """What the filter says of each token's names; nothing of any where it cannot be asked."""
        epoch = self._follower.epoch
        try:
            found = None
            if epoch is not None:
                found = await self._filter.ask(epoch, b"".join(tokens), seconds=ANSWER_SECONDS)
        except CacheUnavailable:
            found = None
        self._failures = 0 if found is not None else self._failures + 1
        if self._failures >= _FAILURES:
            # A cache that is slow, or has no filter, costs nobody its time but one in a second.
            self._failures, self._paused_until = _FAILURES - 1, time.monotonic() + _PAUSE_SECONDS
        if found is None:
            return [None] * len(tokens)
        told, start = [], 0
        for names in tokens:
            end = start + len(names) // NAME_BYTES
            told.append(_Told(found.seq, b"1" not in found.maybe[start:end]))
            start = end
        return told


def names_of(verified: TokenClaims) -> Sequence[tuple[str, str]]:
    """What a token names that a revocation may name too. Its signing key is judged with its signature."""
    claims = verified.members
    named = [(kind.value, str(claims[member])) for kind, member in _MEMBERS if member in claims]
    named += [(RevocationKind.JTI.value, str(claims["jti"])), (RevocationKind.SUB.value, verified.sub)]
    return [*named, *((RevocationKind.AUD.value, audience) for audience in verified.audiences)]
