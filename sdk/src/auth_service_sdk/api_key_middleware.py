"""The ASGI middleware for machines: every request carries an API key that counts, or is refused here."""

import logging
import re
from collections.abc import Iterable
from hashlib import sha256
from time import monotonic
from typing import Literal

from starlette.types import ASGIApp, Scope

from auth_service_sdk.api_keys import APIKeys, KnownKey
from auth_service_sdk.browser import origins
from auth_service_sdk.client import ServiceConnection
from auth_service_sdk.configuration import (
    DEFAULT_STALENESS_SECONDS,
    audiences,
    credentials,
    issuer_name,
    leeway_seconds,
    service_url,
    staleness_seconds,
)
from auth_service_sdk.errors import AmbiguousCredentials, InvalidAPIKey, MissingAPIKey
from auth_service_sdk.followers import Following
from auth_service_sdk.guard import ADMITTED_KEY, Guard
from auth_service_sdk.identity import Identity
from auth_service_sdk.logs import context
from auth_service_sdk.proxies import TrustedProxies, is_within
from auth_service_sdk.verifier import MAX_LEEWAY_SECONDS, Expectations

# A field name is a token. Spec: RFC 9110 §5.1.
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_TAKEN = frozenset({"authorization", "cookie", "host", "origin", "x-forwarded-for", "x-action-token"})

_log = logging.getLogger("auth_service_sdk")


class APIKeyAuthMiddleware(Guard):
    """Lets through requests and WebSocket handshakes that carry an API key of `expected_audience` in `header`.

    Sets `request.state.user` to an Identity of the kind `api_key`: its `scopes` are those of the key that its owner
    still holds, its `roles` are empty. The key is shown to the authentication service, by this service's own
    `client_id` and `client_secret` (or AUTH_CLIENT_ID and AUTH_CLIENT_SECRET; a client with the scope
    `introspection`). While the feed of revocations is followed (scope `revocations:read`; see JWTAuthMiddleware) the
    answer is used until the feed names the key, or for five minutes; else, and where the news are older than
    `staleness`, for at most a second. When it cannot be asked, the answer is 503 `api_key_state_unknown`, whatever
    `on_stale` and `lenient_paths` say: a key proves nothing by itself.

    A key that is limited to some networks is compared with the caller's address; behind proxies, name theirs in
    `trusted_proxies` (networks in CIDR form), so that `X-Forwarded-For` counts from them.

    Beside JWTAuthMiddleware on one application, the one nearest to it (added first) refuses a request without any
    credential; a request with both is refused with 400. The other parameters are those of JWTAuthMiddleware, so that
    both can be given the same; `cookie` must be None. Raises ValueError or TypeError for arguments that cannot work.
    """

    kind = "api_key"
    scope_key = "auth_service_sdk.key_guard"

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
        staleness: float = DEFAULT_STALENESS_SECONDS,
        on_stale: Literal["strict", "lenient"] = "strict",
        lenient_paths: Iterable[str] = (),
        leeway: int = MAX_LEEWAY_SECONDS,
        header: str = "X-API-Key",
        trusted_proxies: Iterable[str] = (),
    ) -> None:
        base_url = service_url(auth_base_url)
        names = audiences(expected_audience)
        if cookie is not None:
            raise ValueError(f"an API key comes in a header, never in a cookie: cookie must be None, got {cookie!r}")
        if not isinstance(header, str) or _NAME.fullmatch(header) is None or header.lower() in _TAKEN:
            raise ValueError(f"header must be the name of a header of its own such as 'X-API-Key', got {header!r}")
        origins(allowed_origins)
        expected = Expectations(
            issuer=issuer_name(issuer, default=base_url),
            audiences=frozenset(names),
            leeway_seconds=leeway_seconds(leeway),
        )
        self._credentials = credentials(client_id, client_secret)
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
            realm=names[0],
        )
        self.header = header
        self._name = header.lower().encode()
        self._proxies = TrustedProxies(trusted_proxies)
        self._connection = ServiceConnection(base_url, start_over=self._start_over)
        self._start_over()
        if self._credentials is None:
            _log.warning("without client credentials (AUTH_CLIENT_ID, AUTH_CLIENT_SECRET) no API key is accepted")

    def _start_over(self) -> None:
        self.following.start_over()
        self._keys = APIKeys(
            self._connection,
            audiences=self.expected.audiences,
            credentials=self._credentials,
            header=self.header,
            following=self.following,
        )

    def _known(self, scope: Scope) -> bool:
        """The hot path: one look at the headers, one digest, one look-up."""
        given: bytes | None = None
        for name, value in scope["headers"]:
            if name == self._name:
                if given is not None:
                    return False
                given = value
        if given is None:
            # Whoever an access token has let in needs nothing here.
            return self._admitted_by_another(scope)
        if self._admitted_by_another(scope):
            return False
        entry = self._keys.good.young.get(sha256(given).digest())
        if (
            entry is None
            or entry.networks
            or entry.identity is None
            or entry.version != self.following.state.version
            or entry.fresh_until <= monotonic()
        ):
            return False
        scope.setdefault("state", {})["user"] = entry.identity
        scope[ADMITTED_KEY] = self.kind
        context.set(entry.identity)
        return True

    def _carries(self, scope: Scope) -> bool:
        return any(name == self._name for name, _ in scope["headers"])

    async def confirm(self, scope: Scope) -> None:
        """Ask `POST /auth/introspect` for the key of a connection. Raises InvalidAPIKey, APIKeyStateUnknown."""
        self._from_here(await self._keys.ask(self._given(scope)), scope)

    async def _identify(self, scope: Scope) -> Identity:
        return self._from_here(await self._keys.find(self._given(scope)), scope)

    def _given(self, scope: Scope) -> bytes:
        given = [value for name, value in scope["headers"] if name == self._name]
        if not given:
            raise MissingAPIKey(self.header)
        if len(given) > 1:
            raise AmbiguousCredentials(f"Send exactly one {self.header} header.")
        key: bytes = given[0]
        return key

    def _from_here(self, entry: KnownKey, scope: Scope) -> Identity:
        if entry.identity is None:
            raise InvalidAPIKey("the authentication service does not accept it here", header=self.header)
        if entry.networks:
            client = self._proxies.client(scope)
            if not is_within(client, entry.networks):
                raise InvalidAPIKey(f"its networks do not hold the caller's address {client}", header=self.header)
        return entry.identity
