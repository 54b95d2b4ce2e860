"""The ASGI middleware: every request carries a valid access token, or is refused here."""

import logging
import re
import time
from collections.abc import Iterable
from hashlib import sha256
from typing import Literal
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Scope

from auth_service_sdk.action_tokens import GUARD_KEY, ActionTokens
from auth_service_sdk.authenticator import Authenticator
from auth_service_sdk.browser import BrowserCookie, origins
from auth_service_sdk.client import ServiceConnection
from auth_service_sdk.configuration import audiences, credentials, issuer_name, leeway_seconds, service_url
from auth_service_sdk.errors import AmbiguousCredentials, InvalidToken, MissingToken
from auth_service_sdk.gate import MAX_TOKEN_BYTES
from auth_service_sdk.guard import ADMITTED_KEY, Guard
from auth_service_sdk.identity import Identity
from auth_service_sdk.keyset import KeySet
from auth_service_sdk.logs import context
from auth_service_sdk.session_state import MAX_CACHED_SECONDS, VALIDATE_PATH, SessionQuestions
from auth_service_sdk.verifier import MAX_LEEWAY_SECONDS, Expectations

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
    `auth_base_url`). `leeway` is at most 30 seconds. Whether the session behind a token still lives is asked of
    `GET /auth/validate` and used for at most 0.5 s. When that cannot be asked, `on_stale="strict"` answers 503
    `revocation_state_unknown`; `"lenient"` serves the token until it expires, unless its session is known to have
    ended.

    With `cookie` the token may come in that cookie instead of the Authorization header; both together are refused
    with 400. Unsafe methods and every WebSocket handshake by cookie must come from a page of the same origin or of
    `allowed_origins`, by the browser's `Origin` or `Sec-Fetch-Site`; else 403 `csrf_failed`.

    `expected` and `public` hold what the arguments say, for tools that look at an application (`routes`, `testing`).

    `client_id` and `client_secret` (or AUTH_CLIENT_ID and AUTH_CLIENT_SECRET) are this service's credentials, by
    which `require_action_token` spends action tokens.

    Raises ValueError or TypeError for arguments that cannot work.
    """

    kind = "token"

    def __init__(
        self,
        app: ASGIApp,
        *,
        auth_base_url: str | None = None,
        issuer: str | None = None,
        expected_audience: str | Iterable[str],
        client_id: str | None = None,
        client_secret: str | None = None,
        public_paths: Iterable[str] = (),
        cookie: str | None = None,
        allowed_origins: Iterable[str] = (),
        on_stale: Literal["strict", "lenient"] = "strict",
        leeway: int = MAX_LEEWAY_SECONDS,
    ) -> None:
        base_url = service_url(auth_base_url)
        names = audiences(expected_audience)
        if on_stale not in ("strict", "lenient"):
            raise ValueError(f"on_stale must be 'strict' or 'lenient', got {on_stale!r}")
        expected = Expectations(
            issuer=issuer_name(issuer, default=base_url),
            audiences=frozenset(names),
            leeway_seconds=leeway_seconds(leeway),
        )
        super().__init__(app, public_paths=public_paths, expected=expected, realm=names[0])
        allowed = origins(allowed_origins)
        self._cookie = None if cookie is None else BrowserCookie(cookie, allowed)
        # Chosen once, so that without `cookie` no request pays for it.
        self._known = self._is_known if self._cookie is None else self._is_known_without_cookie  # type: ignore[method-assign]
        self._is_strict = on_stale == "strict"
        self._credentials = credentials(client_id, client_secret)
        self._connection = ServiceConnection(base_url, start_over=self._start_over)
        self._start_over()
        _announce(base_url, has_credentials=self._credentials is not None)

    def _start_over(self) -> None:
        keys = KeySet(self._connection)
        self._action_tokens = ActionTokens(
            expected=self.expected,
            keys=keys,
            connection=self._connection,
            credentials=self._credentials,
            clock=time.time,
        )
        self._authenticator = Authenticator(
            expected=self.expected,
            keys=keys,
            questions=SessionQuestions(self._connection),
            strict=self._is_strict,
        )
        self._cache = self._authenticator.cache

    def _prepare(self, scope: Scope) -> None:
        scope[GUARD_KEY] = self._action_tokens

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
        if entry is None or entry.fresh_until <= _monotonic():
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
        values = [value for name, value in scope["headers"] if name == b"authorization"]
        token = None if self._cookie is None else self._cookie.find(scope)
        if self._cookie is not None and token is not None:
            if values:
                raise AmbiguousCredentials("Send the cookie or one Authorization header, not both.")
            self._cookie.refuse_forgery(scope)
            return await self._authenticator.authenticate(token)
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
        return await self._authenticator.authenticate(match.group(1))


def _announce(base_url: str, *, has_credentials: bool) -> None:
    credentials_note = "" if has_credentials else "; without client credentials no action token is spent"
    _log.info(
        "sessions are confirmed by GET %s%s, each answer used for at most %s s%s",
        base_url,
        VALIDATE_PATH,
        MAX_CACHED_SECONDS,
        credentials_note,
    )
    if base_url.startswith("http:") and urlsplit(base_url).hostname not in ("localhost", "127.0.0.1", "::1"):
        _log.warning(
            "%s is not https: whoever is on the way can exchange the keys that tokens are trusted by", base_url
        )
