"""Tokens that only their issuer can read: asked about one by one, and each answer kept for a moment. Spec: RFC 7662."""

import asyncio
import json
import logging
import time
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import quote_plus, urlencode

from auth_service_sdk.client import Answer, Unreachable
from auth_service_sdk.discovery import Discovery
from auth_service_sdk.errors import InvalidToken, Refusal, RevocationStateUnknown
from auth_service_sdk.foreign_tokens import ForeignToken, check_foreign
from auth_service_sdk.gate import shown
from auth_service_sdk.issuers import Introspection, OIDCIssuer
from auth_service_sdk.presets import ClaimPaths, check_kind, to_identity
from auth_service_sdk.session_state import FAILURES_BEFORE_PAUSE, PAUSE_SECONDS
from auth_service_sdk.verifier import check_times

MAX_ANSWER_BYTES = 64 * 1024
MAX_QUESTIONS = 256
"""Under way at once; further tokens are answered 503."""
MAX_REFUSED, REFUSED_SECONDS = 4096, 1.0
"""How many refused tokens are remembered, and for how long: whoever repeats one asks the issuer once a second."""

_log = logging.getLogger("auth_service_sdk")


class Introspector:
    """Asks one issuer about tokens: one question per token at a time, whoever waits for it.

    An answer counts for `cache_seconds` from when it was asked for, never beyond `exp`. When the issuer cannot be
    asked, nobody is let in by an older answer: RevocationStateUnknown.
    """

    def __init__(
        self,
        issuer: OIDCIssuer,
        settings: Introspection,
        *,
        leeway: int,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._issuer = issuer
        self._settings = settings
        self._paths = _with_standard_names(issuer)
        self._leeway = leeway
        self._clock = clock
        self._monotonic = monotonic
        self._discovery = Discovery(issuer, monotonic=monotonic)
        self._flights: dict[bytes, asyncio.Task[ForeignToken | Refusal]] = {}
        self._refused: dict[bytes, tuple[float, InvalidToken]] = {}
        self._failures = 0
        self._paused_until = 0.0
        pair = f"{quote_plus(str(settings.client_id))}:{quote_plus(str(settings.client_secret))}"
        # Spec: RFC 6749 §2.3.1.
        self._headers = {
            "authorization": "Basic " + b64encode(pair.encode()).decode(),
            "content-type": "application/x-www-form-urlencoded",
            "accept": "application/json",
        }

    async def accept(self, token: bytes, digest: bytes, known: ForeignToken | None) -> ForeignToken:
        """Return what the issuer says of a token, or said a moment ago. Raises InvalidToken, RevocationStateUnknown."""
        now = self._monotonic()
        if known is not None and now < known.good_until:
            return known
        refused = self._refused.get(digest)
        if refused is not None and now < refused[0]:
            raise InvalidToken(refused[1].detail or "", misconfigured=refused[1].misconfigured)
        return await self._share(token, digest)

    async def confirm(self, token: bytes, digest: bytes) -> None:
        """Ask the issuer, whatever is known. Raises InvalidToken, RevocationStateUnknown."""
        result = await self._ask(token)
        if isinstance(result, Refusal):
            self._remember(digest, result)
            raise _fresh(result)

    async def _share(self, token: bytes, digest: bytes) -> ForeignToken:
        loop = asyncio.get_running_loop()
        flight = self._flights.get(digest)
        if flight is None or flight.done() or flight.get_loop() is not loop:
            if len(self._flights) >= MAX_QUESTIONS:
                raise RevocationStateUnknown("too many tokens are being asked about", retry_after_seconds=1)
            flight = self._flights[digest] = loop.create_task(self._ask(token))
            flight.add_done_callback(lambda done: self._landed(digest, done))
        # Shielded: a client that hangs up must not take the answer away from the others.
        result = await asyncio.shield(flight)
        if isinstance(result, Refusal):
            self._remember(digest, result)
            raise _fresh(result)
        return result

    def _landed(self, digest: bytes, done: asyncio.Task[ForeignToken | Refusal]) -> None:
        if self._flights.get(digest) is done:
            del self._flights[digest]

    def _remember(self, digest: bytes, refusal: Refusal) -> None:
        if isinstance(refusal, InvalidToken):
            if len(self._refused) >= MAX_REFUSED:
                self._refused.clear()
            self._refused[digest] = (self._monotonic() + REFUSED_SECONDS, refusal)

    async def _ask(self, token: bytes) -> ForeignToken | Refusal:
        sent_at = self._monotonic()
        if sent_at < self._paused_until:
            return _unknown("the last questions failed; not asking for a moment")
        form = urlencode({"token": token.decode("ascii"), "token_type_hint": "access_token"}).encode()
        try:
            answer = await self._discovery.introspect(form, self._headers, MAX_ANSWER_BYTES)
            claims = _read(answer)
        except Unreachable as error:
            return self._failed(str(error))
        if self._failures:
            _log.info("tokens of %s can be introspected again", self._issuer.url)
        self._failures = 0
        if claims is None:
            return InvalidToken("the issuer says that the token is not active")
        try:
            return self._entry(claims, sent_at)
        except InvalidToken as refusal:
            return refusal

    def _failed(self, words: str) -> Refusal:
        if self._failures == 0:
            _log.error("tokens of %s cannot be introspected: %s", self._issuer.url, shown(words))
        self._failures += 1
        if self._failures >= FAILURES_BEFORE_PAUSE:
            self._paused_until = self._monotonic() + PAUSE_SECONDS
        return _unknown(words)

    def _entry(self, claims: dict[str, Any], sent_at: float) -> ForeignToken:
        now = self._clock()
        # Optional there, and then the client's own: RFC 7662 §2.2.
        claims = {"iss": self._issuer.url, "sub": claims.get("client_id")} | claims
        check_foreign(claims, self._issuer)
        check_times({"exp": int(now) + 1, "iat": 0} | claims, now, self._leeway)
        for name, wanted in (("token_type", ("bearer", "access_token")), ("token_use", ("access", "access_token"))):
            value = claims.get(name, wanted[0])
            if not isinstance(value, str) or value.lower() not in wanted:
                raise InvalidToken(f"expected {name} {wanted[0]}, the issuer says {shown(value)}")
        check_kind(claims, self._issuer.profile, is_typed=True)
        left = claims.get("exp", now + self._settings.cache_seconds) - now
        if left <= 0:
            raise InvalidToken(f"expected a token that has not expired, exp is {claims['exp']}, now is {int(now)}")
        identity = to_identity(claims, self._issuer.profile, self._paths, self._issuer.clients)
        until = min(sent_at + self._settings.cache_seconds, self._monotonic() + left)
        return ForeignToken(identity, self, good_until=until)


def _read(answer: Answer) -> dict[str, Any] | None:
    """The answer's claims; None for a token that is not active. Raises Unreachable for what is no such answer."""
    if answer.status != 200:
        hint = ": are client_id and client_secret right?" if answer.status in (400, 401, 403) else ""
        raise Unreachable(f"the introspection endpoint answers {answer.status}{hint}")
    try:
        body = json.loads(answer.body.decode("utf-8"))
    except (ValueError, RecursionError):
        raise Unreachable("the introspection endpoint's answer is not JSON") from None
    active = body.get("active") if isinstance(body, dict) else None
    if active is False:
        return None
    if active is not True:
        raise Unreachable("the introspection endpoint's answer does not say whether the token is active")
    return dict(body)


def _with_standard_names(issuer: OIDCIssuer) -> ClaimPaths:
    """Introspection has names of its own (RFC 7662 §2.2), beside those of the provider's tokens."""
    paths, own = issuer.paths, issuer.claims or ClaimPaths()

    def beside(name: str) -> Any:
        given = getattr(paths, name)
        return [*(given if isinstance(given, list) else [] if given is None else [given])]

    return replace(
        paths,
        scopes=paths.scopes if own.scopes is not None else ["scope", *beside("scopes")],
        client_id=paths.client_id if own.client_id is not None else ["client_id", *beside("client_id")],
    )


def _unknown(words: str) -> RevocationStateUnknown:
    return RevocationStateUnknown(f"introspection: {shown(words)}", retry_after_seconds=1)


def _fresh(refusal: Refusal) -> Refusal:
    """The same refusal for one more waiter: an exception that several raise at once collects all their tracebacks."""
    if isinstance(refusal, InvalidToken):
        return InvalidToken(refusal.detail or "", misconfigured=refusal.misconfigured)
    return RevocationStateUnknown(refusal.detail or "", retry_after_seconds=refusal.retry_after_seconds or 1)
