"""From an API key to an identity: its form, what is remembered, and one question to the authentication service."""

import asyncio
import json
import logging
import time
from collections.abc import Callable
from hashlib import sha256
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, NamedTuple

from auth_service_sdk.action_tokens import basic_credentials
from auth_service_sdk.client import Answer, ServiceConnection, Unreachable, is_answered_in_process
from auth_service_sdk.errors import APIKeyStateUnknown, InvalidAPIKey
from auth_service_sdk.feed_state import FeedState
from auth_service_sdk.followers import Following
from auth_service_sdk.gate import shown
from auth_service_sdk.identity import Identity, IdentityKind, freeze
from auth_service_sdk.key_form import is_well_formed
from auth_service_sdk.revocations import Verdict

INTROSPECT_PATH = "/auth/introspect"
MAX_CACHED_SECONDS = 1.0
"""An answer, good or bad, is used for so long, counted from when the question was sent."""
MAX_FOLLOWED_SECONDS = 300.0
"""A good one is used for so long while the feed of revocations is followed and does not name the key."""
MAX_CACHED_KEYS = 8192
"""Known keys and unknown ones, each: unknown ones drive no known one out."""
MAX_ANSWER_BYTES = 64 * 1024
FAILURES_BEFORE_PAUSE, PAUSE_SECONDS = 3, 1.0
"""After so many failures in a row nobody waits for the network until the pause is over."""

_TYPE = "api_key"

Network = IPv4Network | IPv6Network

_log = logging.getLogger("auth_service_sdk")


class KnownKey:
    """What an answer said of a key. `identity` is None for a bad one.

    Moments are monotonic. Until `fresh_until` the key is served without a look at anything else, for as long as
    nothing is revoked; `ends_at` is the end of the answer's worth, whatever the feed says. `version` is that of the
    revocations the key was last compared with, those of `state`; `answered_at` is in the service's time.
    """

    __slots__ = ("answered_at", "asked_at", "ends_at", "fresh_until", "identity", "networks", "state", "version")

    def __init__(
        self, identity: Identity | None, networks: tuple[Network, ...], *, asked: "_Asked", ends_at: float
    ) -> None:
        self.identity = identity
        self.networks = networks
        self.asked_at = asked.at
        self.answered_at = asked.service_time
        self.state = asked.state
        self.version = asked.version
        self.ends_at = ends_at
        self.fresh_until = min(ends_at, asked.at + MAX_CACHED_SECONDS)


class _Asked(NamedTuple):
    """The moment of a question, and what was known of revocations then: an answer is at least as new."""

    at: float
    service_time: float
    state: FeedState
    version: int


class _Flight(NamedTuple):
    task: asyncio.Task[KnownKey]
    asked: _Asked


class _Memory:
    """Holds at most twice `size` entries, in two generations: when the young one is full, the old one goes."""

    __slots__ = ("_old", "_size", "young")

    def __init__(self, size: int) -> None:
        self.young: dict[bytes, KnownKey] = {}
        self._old: dict[bytes, KnownKey] = {}
        self._size = size

    def find(self, digest: bytes) -> KnownKey | None:
        return self.young.get(digest) or self._old.get(digest)

    def put(self, digest: bytes, entry: KnownKey) -> None:
        if len(self.young) >= self._size and digest not in self.young:
            self._old, self.young = self.young, {}
        self.young[digest] = entry

    def forget(self, digest: bytes) -> None:
        self.young.pop(digest, None)
        self._old.pop(digest, None)

    def __len__(self) -> int:
        return len(self.young) + len(self._old)


class APIKeys:
    """Accepts or refuses API keys for one service. Requests with the same key share one question."""

    def __init__(
        self,
        connection: ServiceConnection,
        *,
        audiences: frozenset[str],
        credentials: tuple[str, str] | None,
        header: str,
        following: Following | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        clock: Callable[[], float] = time.time,
        cache_size: int = MAX_CACHED_KEYS,
    ) -> None:
        self.good, self.bad = _Memory(cache_size // 2), _Memory(cache_size // 2)
        self._connection = connection
        self._audiences = audiences
        self._headers = None if credentials is None else {"authorization": basic_credentials(*credentials)}
        self._header = header
        self._following = following or Following.of_nothing()
        self._monotonic = monotonic
        self._clock = clock
        self._flights: dict[bytes, _Flight] = {}
        self._failures = 0
        self._paused_until = 0.0

    async def find(self, key: bytes) -> KnownKey:
        """What is known of a key, asked for where nothing fresh is. Raises InvalidAPIKey, APIKeyStateUnknown."""
        self._require_form(key)
        digest = sha256(key).digest()
        entry = self.good.find(digest) or self.bad.find(digest)
        if entry is None or not self._still_counts(entry):
            entry = await self._ask_once(digest, key)
        return self._accepted(entry)

    async def ask(self, key: bytes) -> KnownKey:
        """Ask for a key, whatever is known of it. Raises InvalidAPIKey, APIKeyStateUnknown."""
        self._require_form(key)
        return self._accepted(await self._ask(sha256(key).digest(), key, self._now()))

    def _require_form(self, key: bytes) -> None:
        if not is_well_formed(key):
            raise InvalidAPIKey("expected ask_, an id, a secret and their checksum", header=self._header)

    def _accepted(self, entry: KnownKey) -> KnownKey:
        if entry.identity is None:
            raise InvalidAPIKey("the authentication service does not accept it here", header=self._header)
        return entry

    def _still_counts(self, entry: KnownKey) -> bool:
        """Whether an answer needs no other: it is a second old at most, or nothing was revoked that it says."""
        state, now = self._following.join(), self._monotonic()
        if entry.identity is None or state.revoked is None:
            return now < entry.fresh_until
        if now >= entry.ends_at:
            return False
        claims = entry.identity.claims
        since = entry.version if entry.state is state else 0
        if state.revoked.check_key(claims, entry.answered_at, since=since) is Verdict.UNSURE:
            return False
        if not self._following.is_fresh(state, now) or state.audience != claims["aud"]:
            # Only as long as where nothing is followed.
            entry.fresh_until = min(entry.ends_at, entry.asked_at + MAX_CACHED_SECONDS)
        else:
            entry.fresh_until = min(entry.ends_at, self._following.fresh_until(state))
        entry.state, entry.version = state, state.version
        return now < entry.fresh_until

    def _now(self) -> _Asked:
        state, now = self._following.join(), self._monotonic()
        return _Asked(now, state.clock.service_time(now, self._clock()), state, state.version)

    async def _ask_once(self, digest: bytes, key: bytes) -> KnownKey:
        loop = asyncio.get_running_loop()
        flight, now = self._flights.get(digest), self._now()
        # Nobody joins a question whose answer would be too old for them, or from before a revocation.
        if (
            flight is None
            or flight.task.get_loop() is not loop
            or now.at - flight.asked.at >= MAX_CACHED_SECONDS
            or flight.asked.version != now.version
        ):
            flight = _Flight(loop.create_task(self._ask(digest, key, now)), now)
            self._flights[digest] = flight
        # Shielded: a client that hangs up must not take the answer away from the others.
        return await asyncio.shield(flight.task)

    async def _ask(self, digest: bytes, key: bytes, asked: _Asked) -> KnownKey:
        try:
            answer = _read(await self._question(key))
        finally:
            flight = self._flights.get(digest)
            if flight is not None and flight.asked is asked:
                del self._flights[digest]
        if answer is None:
            raise self._failed("unexpected answer")
        self._failures = 0
        self._following.reached()
        entry = self._entry(answer, asked)
        known = self.good.find(digest) or self.bad.find(digest)
        if known is not None and known.asked_at > asked.at:
            # A slow answer must not undo what a later question has found out.
            return entry
        if entry.identity is None:
            self.good.forget(digest)
            self.bad.put(digest, entry)
        else:
            self.bad.forget(digest)
            self.good.put(digest, entry)
        return entry

    async def _question(self, key: bytes) -> Answer:
        headers = self._headers
        if headers is None:
            if not is_answered_in_process():
                raise APIKeyStateUnknown(
                    "client credentials are missing: client_id and client_secret, or AUTH_CLIENT_ID and "
                    "AUTH_CLIENT_SECRET",
                    misconfigured=True,
                )
            headers = {}
        if self._monotonic() < self._paused_until:
            raise APIKeyStateUnknown("the last questions failed; not asking for a moment")
        try:
            answer = await self._connection.post(
                INTROSPECT_PATH,
                json.dumps({"api_key": key.decode("ascii")}).encode(),
                max_bytes=MAX_ANSWER_BYTES,
                headers=headers | {"content-type": "application/json"},
            )
        except Unreachable as error:
            raise self._failed(str(error)) from error
        if answer.status != 200:
            is_ours = answer.status in (401, 403)
            raise self._failed(f"status {answer.status}", misconfigured=is_ours)
        return answer

    def _failed(self, words: str, *, misconfigured: bool = False) -> APIKeyStateUnknown:
        if self._failures == 0:
            _log.error("API keys cannot be checked: POST %s: %s", INTROSPECT_PATH, shown(words))
        self._failures += 1
        if self._failures >= FAILURES_BEFORE_PAUSE:
            self._paused_until = self._monotonic() + PAUSE_SECONDS
        return APIKeyStateUnknown(f"POST {INTROSPECT_PATH}: {shown(words)}", misconfigured=misconfigured)

    def _entry(self, answer: dict[str, Any], asked: _Asked) -> KnownKey:
        # An answer about another audience, or about a token, says nothing that opens this service.
        if answer["active"] is not True or answer.get("aud") not in self._audiences:
            return KnownKey(None, (), asked=asked, ends_at=asked.at + MAX_CACHED_SECONDS)
        ends_at, expires_at = asked.at + MAX_FOLLOWED_SECONDS, answer.get("exp")
        if expires_at is not None:
            ends_at = min(ends_at, asked.at + expires_at - self._clock())
        networks = tuple(ip_network(network) for network in answer.get("networks", ()))
        return KnownKey(_identity(answer), networks, asked=asked, ends_at=ends_at)


def _read(answer: Answer) -> dict[str, Any] | None:
    """The answer, if it says what the service says of an API key; None for anything else."""
    try:
        body = json.loads(answer.body)
        if not isinstance(body, dict) or not isinstance(body.get("active"), bool):
            return None
        if body["active"] is False:
            return body
        texts = [body["sub"], body["aud"], body["scope"], body["jti"], *body.get("permissions", ())]
        networks = [ip_network(network) for network in body.get("networks", ())]
        expiry = body.get("exp")
        sound = all(isinstance(text, str) for text in texts) and body["token_type"] == _TYPE
        return body if sound and (expiry is None or type(expiry) is int) and len(networks) < 1000 else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _identity(answer: dict[str, Any]) -> Identity:
    claims = freeze({name: value for name, value in answer.items() if name != "active"})
    return Identity(
        sub=claims["sub"],
        kind=IdentityKind.API_KEY,
        email=claims.get("email"),
        scopes=tuple(claims["scope"].split()),
        permissions=tuple(claims.get("permissions", ())),
        client_id=claims.get("client_id"),
        org_id=claims.get("org_id"),
        claims=claims,
    )
