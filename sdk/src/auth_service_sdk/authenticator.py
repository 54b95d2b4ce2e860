"""From a token to an identity: gate, claims, key, signature, session. Knows nothing of HTTP servers."""

import asyncio
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import NamedTuple

from auth_service_sdk.errors import InvalidToken, RevocationStateUnknown
from auth_service_sdk.feed_state import FeedState
from auth_service_sdk.followers import Following
from auth_service_sdk.gate import parse, shown
from auth_service_sdk.identity import Identity
from auth_service_sdk.keyset import KeySet
from auth_service_sdk.revocations import Verdict
from auth_service_sdk.session_state import MAX_CACHED_SECONDS, SessionQuestions, SessionState
from auth_service_sdk.verifier import Expectations, check_claims, check_signature

MAX_CACHED_TOKENS = 8192
"""Verified tokens kept in memory, the least recently verified go first."""


class VerifiedToken:
    """A token whose claims and signature were accepted, beside the latest news of its session.

    `fresh_until` is the end of that news in monotonic time: until then the token is served without a question, for as
    long as nothing else is revoked. `version` is that of the revocations it was last compared with, those of `state`.
    """

    __slots__ = (
        "asked_at",
        "ended",
        "expires_at",
        "fresh_until",
        "identity",
        "kid",
        "state",
        "thumbprint",
        "tolerated_until",
        "version",
    )

    def __init__(self, identity: Identity, *, kid: str, thumbprint: str) -> None:
        self.identity = identity
        self.kid = kid
        self.thumbprint = thumbprint
        # An introspected token may say nothing of its end.
        self.expires_at: int = identity.claims.get("exp", 0)
        self.fresh_until = 0.0
        self.asked_at = 0.0
        self.tolerated_until = 0.0
        self.ended = False
        self.version = 0
        self.state: FeedState | None = None


class TokenCache:
    """Holds at most twice `size` entries, in two generations: when the young one is full, the old one goes.

    Both steps cost the same whatever the number of entries; no list of recent use is kept on the hot path.
    """

    __slots__ = ("_old", "_size", "young")

    def __init__(self, size: int) -> None:
        self.young: dict[bytes, VerifiedToken] = {}
        self._old: dict[bytes, VerifiedToken] = {}
        self._size = size

    def find(self, digest: bytes) -> VerifiedToken | None:
        """Find an entry; one of the old generation moves to the young."""
        entry = self.young.get(digest)
        if entry is None:
            entry = self._old.pop(digest, None)
            if entry is not None:
                self.put(digest, entry)
        return entry

    def put(self, digest: bytes, entry: VerifiedToken) -> None:
        """Add or replace an entry."""
        if len(self.young) >= self._size and digest not in self.young:
            self._old, self.young = self.young, {}
        self.young[digest] = entry

    def entries(self) -> Iterator[VerifiedToken]:
        """All entries, in no order."""
        yield from self.young.values()
        yield from self._old.values()

    def __len__(self) -> int:
        return len(self.young) + len(self._old)


class _Flight(NamedTuple):
    task: asyncio.Task[tuple[SessionState, str]]
    sent_at: float
    version: int


class Authenticator:
    """Accepts or refuses tokens for one service.

    A token is compared with the revocations that `following` knows of. Where nothing is followed, what is known is too
    old, or it is not certain, the service is asked. When it cannot be asked: RevocationStateUnknown, or, for a caller
    that is not `strict`, the token is served until it expires, unless its session is known to have ended.
    """

    def __init__(
        self,
        *,
        expected: Expectations,
        keys: KeySet,
        questions: SessionQuestions,
        strict: bool,
        following: Following | None = None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        cache_size: int = MAX_CACHED_TOKENS,
    ) -> None:
        self.cache = TokenCache(cache_size // 2)
        self.following = following or Following.of_nothing()
        self._expected = expected
        self._keys = keys
        self._questions = questions
        self._strict = strict
        self._clock = clock
        self._monotonic = monotonic
        self._flights: dict[bytes, _Flight] = {}

    async def authenticate(self, token: bytes, *, strict: bool | None = None) -> Identity:
        """Return the identity behind a token. Raises InvalidToken, KeysUnavailable or RevocationStateUnknown."""
        digest = sha256(token).digest()
        entry = self.cache.find(digest)
        if entry is None or not await self._still_holds(entry):
            entry = await self._verify(token, digest)
        state, now = self.following.join(), self._monotonic()
        version = state.version
        if entry.version == version and now < entry.fresh_until:
            return entry.identity
        if self._is_clear(entry, state, now):
            self._serve_until(entry, self.following.fresh_until(state), version)
            entry.state = state
            return entry.identity
        strict = self._strict if strict is None else strict
        if strict or now >= entry.tolerated_until or state.clock_off is not None:
            await self._settle(digest, token, entry, state, strict=strict)
        return entry.identity

    async def _settle(
        self, digest: bytes, token: bytes, entry: VerifiedToken, state: FeedState, *, strict: bool
    ) -> None:
        """Ask for a token's session, and note for how long the answer counts."""
        version = state.version
        answer, words = await self._session_state(digest, token, entry, version)
        if answer is SessionState.ENDED:
            raise InvalidToken("the session of the token has ended")
        if answer is SessionState.UNKNOWN:
            self._tolerate(entry, state, words, strict=strict)
        elif not self.following.is_wanted or not _covers(state, entry):
            self._serve_until(entry, entry.asked_at + MAX_CACHED_SECONDS, version)
        elif self.following.is_fresh(state, self._monotonic()):
            # The filter was unsure and the service is not. With old news alone the next request asks again.
            self._serve_until(entry, self.following.fresh_until(state), version)
            entry.state = state

    async def confirm(self, token: bytes) -> None:
        """Ask for the session of an accepted token, whatever is known. Raises InvalidToken, RevocationStateUnknown."""
        digest = sha256(token).digest()
        entry = self.cache.find(digest)
        if entry is None or not await self._still_holds(entry):
            entry = await self._verify(token, digest)
        answer, words = await self._ask(digest, token, entry, self._monotonic())
        if answer is SessionState.ENDED:
            raise InvalidToken("the session of the token has ended")
        if answer is SessionState.UNKNOWN:
            raise RevocationStateUnknown(f"GET /auth/validate: {shown(words)}", retry_after_seconds=1)

    def _is_clear(self, entry: VerifiedToken, state: FeedState, now: float) -> bool:
        """Whether a token is certainly not revoked by news that are new enough. Raises InvalidToken if it is."""
        if state.revoked is None:
            self.following.is_fresh(state, now)
            return False
        since = entry.version if entry.state is state else 0
        verdict = state.revoked.check(entry.identity.claims, entry.kid, since=since)
        if verdict is Verdict.REVOKED:
            # However old the news are: what is revoked stays revoked.
            entry.ended, entry.fresh_until = True, 0.0
            raise InvalidToken("the token is revoked: its session, its grant, its user, its client or its key was")
        # What an answer has ended, for whatever reason, only another answer brings back.
        known = self.following.is_fresh(state, now) and _covers(state, entry) and not entry.ended
        return known and verdict is Verdict.CLEAR

    async def _still_holds(self, entry: VerifiedToken) -> bool:
        """Whether the proof of a cached token still stands: it has not expired, and its key was not withdrawn."""
        if entry.expires_at + self._expected.leeway_seconds <= self._clock():
            return False
        key = await self._keys.find(entry.kid)
        return key is not None and key.thumbprint == entry.thumbprint

    async def _verify(self, token: bytes, digest: bytes) -> VerifiedToken:
        parsed = parse(token)
        # Before the key: a token for somebody else must cost neither a fetch nor a signature check.
        check_claims(parsed.claims, self._expected, self._clock())
        key = await self._keys.find(parsed.kid)
        if key is None:
            raise InvalidToken(f"expected a kid the issuer publishes, token has {shown(parsed.kid)}")
        check_signature(parsed, key)
        entry = self.cache.find(digest)
        if entry is None or entry.thumbprint != key.thumbprint:
            entry = VerifiedToken(Identity.from_claims(parsed.claims), kid=key.kid, thumbprint=key.thumbprint)
            self.cache.put(digest, entry)
        return entry

    async def _session_state(
        self, digest: bytes, token: bytes, entry: VerifiedToken, version: int
    ) -> tuple[SessionState, str]:
        """Share one question between all requests of a token, as long as its answer will be young enough."""
        loop = asyncio.get_running_loop()
        flight = self._flights.get(digest)
        if (
            flight is None
            or flight.task.get_loop() is not loop
            or self._monotonic() - flight.sent_at >= MAX_CACHED_SECONDS
            # An answer from before a revocation says nothing of it.
            or flight.version != version
        ):
            sent_at = self._monotonic()
            flight = _Flight(loop.create_task(self._ask(digest, token, entry, sent_at)), sent_at, version)
            self._flights[digest] = flight
        # Shielded: a client that hangs up must not take the answer away from the others.
        return await asyncio.shield(flight.task)

    async def _ask(self, digest: bytes, token: bytes, entry: VerifiedToken, sent_at: float) -> tuple[SessionState, str]:
        try:
            state, words = await self._questions.ask(token, entry.identity.sub)
        finally:
            flight = self._flights.get(digest)
            if flight is not None and flight.sent_at == sent_at:
                del self._flights[digest]
        if state is not SessionState.UNKNOWN:
            self.following.reached()
        if state is SessionState.ENDED:
            entry.ended, entry.fresh_until, entry.asked_at = True, 0.0, max(entry.asked_at, sent_at)
        elif state is SessionState.ACTIVE and sent_at >= entry.asked_at:
            # A slow answer must not undo what a later question has found out.
            entry.ended, entry.asked_at = False, sent_at
        return state, words

    def _serve_until(self, entry: VerifiedToken, until: float, version: int) -> None:
        if entry.ended:
            return
        now = self._monotonic()
        entry.fresh_until, entry.version = min(until, now + entry.expires_at - self._clock()), version

    def _tolerate(self, entry: VerifiedToken, state: FeedState, words: str, *, strict: bool) -> None:
        if state.clock_off is not None:
            # Until it expires, but by which clock?
            raise RevocationStateUnknown(state.clock_off, retry_after_seconds=1)
        if strict:
            raise RevocationStateUnknown(f"GET /auth/validate: {shown(words)}", retry_after_seconds=1)
        if entry.ended:
            raise InvalidToken("the session of the token had ended when it could last be asked for")
        entry.tolerated_until = self._monotonic() + MAX_CACHED_SECONDS


def _covers(state: FeedState, entry: VerifiedToken) -> bool:
    """Whether the feed speaks of the audience that a token is for; a guard may accept others beside it."""
    audience = entry.identity.claims["aud"]
    return state.audience in ((audience,) if isinstance(audience, str) else audience)
