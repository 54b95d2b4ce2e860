"""From an API key to an identity: its form, what is remembered, and one question to the authentication service."""

import asyncio
import json
import logging
import re
import time
import zlib
from collections.abc import Callable
from hashlib import sha256
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, NamedTuple

from auth_service_sdk.action_tokens import basic_credentials
from auth_service_sdk.client import Answer, ServiceConnection, Unreachable, is_answered_in_process
from auth_service_sdk.errors import APIKeyStateUnknown, InvalidAPIKey
from auth_service_sdk.gate import shown
from auth_service_sdk.identity import Identity, IdentityKind, freeze

INTROSPECT_PATH = "/auth/introspect"
MAX_CACHED_SECONDS = 1.0
"""An answer, good or bad, is used for so long, counted from when the question was sent."""
MAX_CACHED_KEYS = 8192
"""Known keys and unknown ones, each: unknown ones drive no known one out."""
MAX_ANSWER_BYTES = 64 * 1024
FAILURES_BEFORE_PAUSE, PAUSE_SECONDS = 3, 1.0
"""After so many failures in a row nobody waits for the network until the pause is over."""

_ALPHABET = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_FORM = re.compile(rb"ask_[0-9A-Za-z]{22}_[0-9A-Za-z]{49}")
_CHECK_CHARACTERS = 6
_TYPE = "api_key"

Network = IPv4Network | IPv6Network

_log = logging.getLogger("auth_service_sdk")


def is_well_formed(key: bytes) -> bool:
    """Whether this can be a key at all: most mistyped and invented ones end here, without a question."""
    return _FORM.fullmatch(key) is not None and checksum(key[:-_CHECK_CHARACTERS]) == key[-_CHECK_CHARACTERS:]


def checksum(body: bytes) -> bytes:
    """The CRC-32 of what comes before, in six characters of base62."""
    value, digits = zlib.crc32(body), bytearray()
    for _ in range(_CHECK_CHARACTERS):
        value, digit = divmod(value, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return bytes(reversed(digits))


class KnownKey:
    """What an answer said of a key, until `fresh_until` in monotonic time. `identity` is None for a bad one."""

    __slots__ = ("asked_at", "fresh_until", "identity", "networks")

    def __init__(
        self, identity: Identity | None, networks: tuple[Network, ...], *, asked_at: float, fresh_until: float
    ) -> None:
        self.identity = identity
        self.networks = networks
        self.asked_at = asked_at
        self.fresh_until = fresh_until


class _Flight(NamedTuple):
    task: asyncio.Task[KnownKey]
    sent_at: float


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
        monotonic: Callable[[], float] = time.monotonic,
        clock: Callable[[], float] = time.time,
        cache_size: int = MAX_CACHED_KEYS,
    ) -> None:
        self.good, self.bad = _Memory(cache_size // 2), _Memory(cache_size // 2)
        self._connection = connection
        self._audiences = audiences
        self._headers = None if credentials is None else {"authorization": basic_credentials(*credentials)}
        self._header = header
        self._monotonic = monotonic
        self._clock = clock
        self._flights: dict[bytes, _Flight] = {}
        self._failures = 0
        self._paused_until = 0.0

    async def find(self, key: bytes) -> KnownKey:
        """What is known of a key, asked for where nothing fresh is. Raises InvalidAPIKey, APIKeyStateUnknown."""
        if not is_well_formed(key):
            raise InvalidAPIKey("expected ask_, an id, a secret and their checksum", header=self._header)
        digest = sha256(key).digest()
        entry = self.good.find(digest) or self.bad.find(digest)
        if entry is None or entry.fresh_until <= self._monotonic():
            entry = await self._ask_once(digest, key)
        if entry.identity is None:
            raise InvalidAPIKey("the authentication service does not accept it here", header=self._header)
        return entry

    async def _ask_once(self, digest: bytes, key: bytes) -> KnownKey:
        loop = asyncio.get_running_loop()
        flight, now = self._flights.get(digest), self._monotonic()
        # Nobody joins a question whose answer would be too old for them.
        if flight is None or flight.task.get_loop() is not loop or now - flight.sent_at >= MAX_CACHED_SECONDS:
            flight = _Flight(loop.create_task(self._ask(digest, key, now)), now)
            self._flights[digest] = flight
        # Shielded: a client that hangs up must not take the answer away from the others.
        return await asyncio.shield(flight.task)

    async def _ask(self, digest: bytes, key: bytes, sent_at: float) -> KnownKey:
        try:
            answer = _read(await self._question(key))
        finally:
            flight = self._flights.get(digest)
            if flight is not None and flight.sent_at == sent_at:
                del self._flights[digest]
        if answer is None:
            raise self._failed("unexpected answer")
        self._failures = 0
        entry = self._entry(answer, sent_at)
        known = self.good.find(digest) or self.bad.find(digest)
        if known is not None and known.asked_at > sent_at:
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

    def _entry(self, answer: dict[str, Any], sent_at: float) -> KnownKey:
        fresh_until = sent_at + MAX_CACHED_SECONDS
        # An answer about another audience, or about a token, says nothing that opens this service.
        if answer["active"] is not True or answer.get("aud") not in self._audiences:
            return KnownKey(None, (), asked_at=sent_at, fresh_until=fresh_until)
        expires_at = answer.get("exp")
        if expires_at is not None:
            fresh_until = min(fresh_until, sent_at + expires_at - self._clock())
        networks = tuple(ip_network(network) for network in answer.get("networks", ()))
        return KnownKey(_identity(answer), networks, asked_at=sent_at, fresh_until=fresh_until)


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
