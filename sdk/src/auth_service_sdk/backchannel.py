"""An issuer's back-channel logout: whether a logout token is genuine, and what it ends.

Spec: OpenID Connect Back-Channel Logout 1.0 §2.4 to §2.8.
"""

import json
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from starlette.types import ASGIApp, Receive, Scope, Send

from auth_service_sdk.errors import InvalidToken, Refusal, RevocationStateUnknown
from auth_service_sdk.gate import FOREIGN_HEADER_MEMBERS, MAX_TOKEN_BYTES, parse, shown
from auth_service_sdk.issuers import BackChannelLogout, OIDCIssuer
from auth_service_sdk.keyset import KeySet
from auth_service_sdk.logouts import Logout, Logouts, SharedLogouts
from auth_service_sdk.public_paths import route_path
from auth_service_sdk.verifier import check_audience, check_name, check_signature, check_subject, check_times

EVENT = "http://schemas.openid.net/event/backchannel-logout"
MAX_AGE_SECONDS = 300
"""A logout token from longer ago is refused, whatever its `exp`: so long must its `jti` be remembered."""
MAX_JTIS = 65_536
MAX_BODY_BYTES = 2 * MAX_TOKEN_BYTES
_TYPES: frozenset[str | None] = frozenset({"logout+jwt", "application/logout+jwt", "JWT"})

_log = logging.getLogger("auth_service_sdk")


class BackChannel:
    """Receives the logout tokens of one issuer. `logouts` knows whom they have logged out."""

    def __init__(
        self,
        issuer: OIDCIssuer,
        settings: BackChannelLogout,
        keys: KeySet,
        *,
        leeway: int,
        forget: Callable[[Logout], None],
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        longest = settings.longest_token_seconds
        self.path = settings.path
        self.logouts = SharedLogouts(
            Logouts(longest=longest, leeway=leeway),
            issuers=issuer.names,
            lifetime=longest + leeway,
            store=settings.store,
            forget=forget,
            clock=clock,
            monotonic=monotonic,
        )
        self._longest = longest
        self._issuer = issuer
        self._clients = frozenset(settings.client_id or issuer.audience)
        self._types = _TYPES | (issuer.profile.types & {None})
        self._algorithms = frozenset(issuer.allowed_algorithms)
        self._keys = keys
        self._leeway = leeway
        self._clock = clock
        self._seen: OrderedDict[str, float] = OrderedDict()

    async def receive(self, token: bytes) -> None:
        """End what a logout token names. Raises InvalidToken, KeysUnavailable, RevocationStateUnknown."""
        parsed = parse(token, types=self._types, members=FOREIGN_HEADER_MEMBERS, algorithms=self._algorithms)
        # Before the key: a token for somebody else must cost neither a fetch nor a signature check.
        logout, jti = self._check(parsed.claims)
        key = await self._keys.find(parsed.kid)
        if key is None:
            raise InvalidToken(f"expected a kid the issuer publishes, token has {shown(parsed.kid)}")
        check_signature(parsed, key)
        self._claim(jti)
        try:
            await self.logouts.add(logout)
        except RevocationStateUnknown:
            # It may be sent again.
            self._seen.pop(jti, None)
            raise
        _log.info("%s has ended %s", self._issuer.url, "a session" if logout.sid else "all sessions of a user")

    def check_life(self, claims: Mapping[str, Any]) -> None:
        """Refuse an access token that could outlive the memory of its logout. Raises InvalidToken."""
        exp, iat = claims.get("exp"), claims.get("iat")
        if isinstance(exp, int) and isinstance(iat, int) and exp - iat > self._longest:
            words = f"expected a token of at most longest_token_seconds={self._longest}, it lives for {exp - iat}"
            raise InvalidToken(words, misconfigured=True)

    def _check(self, claims: dict[str, Any]) -> tuple[Logout, str]:
        now = self._clock()
        if claims.get("iss") not in self._issuer.names:
            raise InvalidToken(f"expected issuer {self._issuer.url}, token has {shown(claims.get('iss'))}")
        check_audience(claims.get("aud"), self._clients)
        check_times(claims, now, self._leeway)
        if claims["iat"] < now - MAX_AGE_SECONDS - self._leeway:
            raise InvalidToken(f"expected a logout token of the last {MAX_AGE_SECONDS} seconds")
        events = claims.get("events")
        if not isinstance(events, dict) or not isinstance(events.get(EVENT), dict):
            raise InvalidToken("expected a logout token, its events do not say so")
        if "nonce" in claims:
            raise InvalidToken("expected a logout token, this has a nonce")
        jti, sid, sub = claims.get("jti"), claims.get("sid"), claims.get("sub")
        check_name("jti", jti)
        if sid is not None:
            check_name("sid", sid)
        if sub is not None or sid is None:
            check_subject(sub)
        return Logout(self._issuer.url, sid, sub, claims["iat"]), str(jti)

    def _claim(self, jti: str) -> None:
        now = self._clock()
        while self._seen:
            oldest, until = next(iter(self._seen.items()))
            if until > now and len(self._seen) < MAX_JTIS:
                break
            del self._seen[oldest]
        if jti in self._seen:
            raise InvalidToken("expected a logout token that was not used before")
        self._seen[jti] = now + MAX_AGE_SECONDS + 2 * self._leeway


class LogoutEndpoint:
    """Answers an issuer's POSTs at some paths; every other request goes on to the application. Spec: §2.5, §2.8."""

    def __init__(
        self, app: ASGIApp, paths: frozenset[str], receive_logout: Callable[[str, bytes], Awaitable[None]]
    ) -> None:
        self.app = app
        self._paths = paths
        self._receive_logout = receive_logout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        path = route_path(scope) if scope["type"] == "http" else ""
        if path not in self._paths:
            await self.app(scope, receive, send)
        elif scope["method"] != "POST":
            await _answer(send, 405, {"error": "invalid_request"}, (b"allow", b"POST"))
        else:
            await self._receive(path, scope, receive, send)

    async def _receive(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._receive_logout(path, await _logout_token(scope, receive))
        except Refusal as error:
            _log.warning("a back-channel logout is refused: %s", error.detail or error.description)
            known = isinstance(error, InvalidToken)
            words = "The logout token is not accepted." if known else "The logout failed; send it again."
            # 400 also where the fault is ours: the specification has no other answer for a failed logout.
            error_code = "invalid_request" if known else "temporarily_unavailable"
            await _answer(send, 400, {"error": error_code, "error_description": words})
        else:
            await _answer(send, 200, None)


async def _logout_token(scope: Scope, receive: Receive) -> bytes:
    """The one logout token of a form. Raises InvalidToken."""
    types = [value for name, value in scope["headers"] if name == b"content-type"]
    if len(types) != 1 or types[0].partition(b";")[0].strip().lower() != b"application/x-www-form-urlencoded":
        raise InvalidToken("expected a form")
    body, more = bytearray(), True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise InvalidToken("the issuer hung up")
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > MAX_BODY_BYTES:
            raise InvalidToken(f"expected a form of at most {MAX_BODY_BYTES} bytes")
    try:
        members = parse_qsl(body.decode("ascii"), strict_parsing=True, max_num_fields=16)
        tokens = [value.encode("ascii") for name, value in members if name == "logout_token"]
    except ValueError:
        raise InvalidToken("expected a form in plain ASCII") from None
    if len(tokens) != 1:
        raise InvalidToken(f"expected one logout_token, got {len(tokens)}")
    return tokens[0]


async def _answer(send: Send, status: int, body: dict[str, str] | None, *headers: tuple[bytes, bytes]) -> None:
    content = b"" if body is None else json.dumps(body).encode()
    length = (b"content-length", b"%d" % len(content))
    kind = () if body is None else ((b"content-type", b"application/json"),)
    heads = [(b"cache-control", b"no-store"), length, *kind, *headers]
    await send({"type": "http.response.start", "status": status, "headers": heads})
    await send({"type": "http.response.body", "body": content})
