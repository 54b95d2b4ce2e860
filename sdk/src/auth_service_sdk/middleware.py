"""The ASGI middleware: every request carries a valid access token, or is refused here."""

import logging
import re
import time
from collections.abc import Iterable
from hashlib import sha256
from typing import Literal
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Scope

from auth_service_sdk.action_tokens import GUARD_KEY, ActionTokens
from auth_service_sdk.authenticator import Authenticator
from auth_service_sdk.backchannel import LogoutEndpoint
from auth_service_sdk.browser import BrowserCookie, origins
from auth_service_sdk.client import ServiceConnection
from auth_service_sdk.configuration import (
    DEFAULT_STALENESS_SECONDS,
    credentials,
    staleness_seconds,
)
from auth_service_sdk.errors import ActionTokenRefused, AmbiguousCredentials, InvalidToken, MissingToken
from auth_service_sdk.followers import Following
from auth_service_sdk.gate import MAX_TOKEN_BYTES
from auth_service_sdk.guard import ADMITTED_KEY, Guard
from auth_service_sdk.identity import Identity
from auth_service_sdk.issuers import OIDCIssuer
from auth_service_sdk.keyset import KeySet
from auth_service_sdk.logs import context
from auth_service_sdk.session_state import SessionQuestions
from auth_service_sdk.trusted_issuers import IssuerArgument, TrustedIssuers, read_trust
from auth_service_sdk.verifier import MAX_LEEWAY_SECONDS

# One rule: the scheme in any letter case, spaces, one token, nothing after it. Spec: RFC 9110 §11.4.
_BEARER = re.compile(rb"bearer +([A-Za-z0-9._~+/-]+=*)", re.IGNORECASE)
_BEARER_SCHEME = re.compile(rb"bearer(?![!#$%&'*+.^_`|~0-9a-z-])", re.IGNORECASE)
_MAX_CREDENTIAL_BYTES = MAX_TOKEN_BYTES + len("Bearer ")

_log = logging.getLogger("auth_service_sdk")
_monotonic = time.monotonic


class JWTAuthMiddleware(Guard):
    """Lets through requests and WebSocket handshakes that carry a valid access token of `expected_audience`.

    Sets `request.state.user` to an Identity. Every path needs a token unless it is in `public_paths` (exact, or a
    prefix that ends in `*`); there, `request.state.user` is None without an accepted token. CORS preflights pass.

    `auth_base_url` is where the service is called; `issuer` is what `iss` must equal, as a whole string (default:
    `auth_base_url`). `leeway` is at most 30 seconds. `issuer` may also be an OIDCIssuer or several, alone or beside
    auth-service: their tokens are accepted too, each by its own rules, and no news of revocations come for them.

    With `client_id` and `client_secret` (or AUTH_CLIENT_ID and AUTH_CLIENT_SECRET; this service's own, of a client with
    the scope `revocations:read`) the feed of revocations is followed from the lifespan's start, else from the first
    request: what is revoked is refused within a second, and no request asks. News older than `staleness` seconds do not
    count; then, and without credentials, the session behind a token is asked of `GET /auth/validate` (without
    credentials an answer is used for at most 0.5 s). When that cannot be asked, `on_stale="strict"` answers 503
    `revocation_state_unknown`; `"lenient"`, for all paths or those in `lenient_paths`, serves the token until it
    expires, unless its session is known to have ended. The same credentials spend action tokens.

    With `cookie` the token may come in that cookie instead of the Authorization header; both together are refused
    with 400. Unsafe methods and every WebSocket handshake by cookie must come from a page of the same origin or of
    `allowed_origins`, by the browser's `Origin` or `Sec-Fetch-Site`; else 403 `csrf_failed`.

    `expected` and `public` hold what the arguments say, for tools that look at an application (`routes`, `testing`).

    Raises ValueError or TypeError for arguments that cannot work.
    """

    kind = "token"
    scope_key = GUARD_KEY

    def __init__(
        self,
        app: ASGIApp,
        *,
        auth_base_url: str | None = None,
        issuer: IssuerArgument = None,
        expected_audience: str | Iterable[str] | None = None,
        client_id: str | None = None,
        client_secret: str | None = None,
        public_paths: Iterable[str] = (),
        cookie: str | None = None,
        allowed_origins: Iterable[str] = (),
        staleness: float = DEFAULT_STALENESS_SECONDS,
        on_stale: Literal["strict", "lenient"] = "strict",
        lenient_paths: Iterable[str] = (),
        leeway: int = MAX_LEEWAY_SECONDS,
    ) -> None:
        trust = self._trust = read_trust(auth_base_url, issuer, expected_audience, leeway)
        if not trust.own and (client_id or client_secret):
            raise ValueError("client_id and client_secret are for auth-service: give its auth_base_url too")
        base_url, expected = trust.base_url, trust.expected
        logout_paths = frozenset(one.logout.path for one in trust.foreign if one.logout is not None)
        if logout_paths:
            # Nearest to the guard, so that whatever stands further in sees nothing of it.
            app, public_paths = LogoutEndpoint(app, logout_paths, self._receive_logout), [*public_paths, *logout_paths]
        self._credentials = credentials(client_id, client_secret) if trust.own else None
        super().__init__(
            app,
            public_paths=public_paths,
            lenient_paths=lenient_paths,
            expected=expected,
            following=Following(
                base_url,
                credentials=self._credentials,
                expected=expected,
                staleness=staleness_seconds(staleness),
            ),
            on_stale=on_stale,
            realm=trust.realm,
        )
        allowed = origins(allowed_origins)
        self._cookie = None if cookie is None else BrowserCookie(cookie, allowed)
        # Chosen once, so that without `cookie` no request pays for it.
        self._known = self._is_known if self._cookie is None else self._is_known_without_cookie  # type: ignore[method-assign]
        self._connection = ServiceConnection(base_url, start_over=self._start_over)
        self._start_over()
        if trust.own:
            self.following.announce()
        for one in trust.foreign:
            how = "verified here until they expire" if one.introspection is None else "introspected"
            more = "" if one.logout is None else f"; logouts are received at {one.logout.path}"
            _log.info("tokens of %s are %s; no feed of revocations speaks of them%s", one.url, how, more)
        _warn_of_plain_http(base_url)

    def _start_over(self) -> None:
        self.following.start_over()
        self._action_tokens: ActionTokens | None = None
        own = self._own() if self._trust.own else None
        self._authenticator: Authenticator | TrustedIssuers
        if own is not None and not self._trust.foreign:
            self._authenticator = own
        else:
            self._authenticator = TrustedIssuers(self._trust, own=own, following=self.following)
        self._cache = self._authenticator.cache

    def _own(self) -> Authenticator:
        """What accepts the tokens of auth-service, and spends its action tokens."""
        keys = KeySet(self._connection)
        self._action_tokens = ActionTokens(
            expected=self.expected,
            keys=keys,
            connection=self._connection,
            credentials=self._credentials,
            clock=time.time,
        )
        return Authenticator(
            expected=self.expected,
            keys=keys,
            questions=SessionQuestions(self._connection),
            strict=self._is_strict,
            following=self.following,
        )

    @property
    def foreign(self) -> tuple[OIDCIssuer, ...]:
        """The issuers besides auth-service whose tokens are accepted."""
        return self._trust.foreign

    @property
    def trusts_service(self) -> bool:
        """Whether tokens of auth-service are accepted."""
        return self._trust.own

    async def spend(self, connection: HTTPConnection, identity: Identity, action: str) -> None:
        """Spend the action token that came with a connection. Raises as `ActionTokens.spend`."""
        if self._action_tokens is None or self._is_foreign(identity):
            raise ActionTokenRefused(action, detail="action tokens are auth-service's; a foreign issuer has none")
        await self._action_tokens.spend(connection, identity, action)

    async def confirm(self, scope: Scope) -> None:
        """Ask `GET /auth/validate` for the token of a connection. Raises InvalidToken, RevocationStateUnknown."""
        await self._authenticator.confirm(self._token(scope))

    async def confirm_beyond(self, scope: Scope, staleness: float) -> None:
        """The same, unless the feed tells so; it does not of a foreign token, whose issuer is asked."""
        user = scope.get("state", {}).get("user")
        if isinstance(user, Identity) and self._is_foreign(user):
            await self.confirm(scope)
        else:
            await super().confirm_beyond(scope, staleness)

    async def _receive_logout(self, path: str, token: bytes) -> None:
        issuers = self._authenticator
        if isinstance(issuers, TrustedIssuers):
            await issuers.receive_logout(path, token)

    def _is_foreign(self, identity: Identity) -> bool:
        return bool(self._trust.foreign) and identity.claims.get("iss") in self._trust.foreign_names

    def _carries(self, scope: Scope) -> bool:  # noqa: ARG002 — a browser's preflight carries no cookie either
        return False

    def _is_known(self, scope: Scope) -> bool:
        """The hot path: one look at the headers, one digest, one look-up. Sets the user and says whether it did."""
        if scope.get(ADMITTED_KEY, "token") != "token":
            return False
        credential: bytes | None = None
        for name, value in scope["headers"]:
            if name == b"authorization":
                if credential is not None:
                    return False
                credential = value
        if credential is None or len(credential) > _MAX_CREDENTIAL_BYTES or credential[:7] != b"Bearer ":
            return False
        entry = self._cache.young.get(sha256(credential[7:]).digest())
        if entry is None or entry.version != self.following.state.version or entry.fresh_until <= _monotonic():
            return False
        try:
            scope["state"]["user"] = entry.identity
        except KeyError:
            scope["state"] = {"user": entry.identity}
        scope[ADMITTED_KEY] = self.kind
        context.set(entry.identity)
        return True

    def _is_known_without_cookie(self, scope: Scope) -> bool:
        return not (self._cookie is not None and self._cookie.is_in(scope)) and self._is_known(scope)

    async def _identify(self, scope: Scope) -> Identity:
        return await self._authenticator.authenticate(self._token(scope), strict=self._strictly(scope))

    def _token(self, scope: Scope) -> bytes:
        """The one token that came. Raises MissingToken, InvalidToken, AmbiguousCredentials, CSRFFailed."""
        values = [value for name, value in scope["headers"] if name == b"authorization"]
        token = None if self._cookie is None else self._cookie.find(scope)
        if self._cookie is not None and token is not None:
            if values:
                raise AmbiguousCredentials("Send the cookie or one Authorization header, not both.")
            self._cookie.refuse_forgery(scope)
            return token
        if len(values) > 1:
            raise AmbiguousCredentials
        if not values:
            raise MissingToken
        # Before any pattern runs over it: a header of megabytes must cost nothing.
        if len(values[0]) > _MAX_CREDENTIAL_BYTES:
            raise InvalidToken(f"expected an Authorization header of at most {_MAX_CREDENTIAL_BYTES} bytes")
        match = _BEARER.fullmatch(values[0])
        if match is None:
            if _BEARER_SCHEME.match(values[0]):
                raise InvalidToken("expected one token after the word Bearer")
            raise MissingToken
        return match.group(1)


def _warn_of_plain_http(base_url: str) -> None:
    if base_url.startswith("http:") and urlsplit(base_url).hostname not in ("localhost", "127.0.0.1", "::1"):
        _log.warning(
            "%s is not https: whoever is on the way can exchange the keys that tokens are trusted by", base_url
        )
