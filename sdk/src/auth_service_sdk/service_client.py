"""A service's own access tokens: asked for once, shared by all requests, renewed before they expire."""

import asyncio
import json
import random
import re
import time
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import urlencode

import httpx2

from auth_service_sdk.action_tokens import basic_credentials
from auth_service_sdk.client import Answer, ServiceConnection, Unreachable, is_answered_in_process
from auth_service_sdk.configuration import credentials, service_url
from auth_service_sdk.gate import shown

TOKEN_PATH = "/oauth/token"  # noqa: S105 — a path
MAX_ANSWER_BYTES = 64 * 1024
RENEW_AFTER, RENEW_JITTER = 0.75, 0.15
"""A token is renewed when this share of its life has passed, and up to the jitter later: not all processes at once."""
SAFETY_SECONDS = 5.0
"""So long before its end a token is not sent any more: it must still count when it arrives."""
PAUSE_SECONDS, MAX_PAUSE_SECONDS = 1.0, 30.0
"""After a failure nobody asks for so long, or as long as the service says."""
_ERROR = re.compile(r"[a-z_]{1,64}")


class TokenUnavailable(Exception):
    """No token could be had now: the service cannot be reached or asks us to wait. Trying again later may work."""

    def __init__(self, words: str, *, pause_seconds: float = PAUSE_SECONDS) -> None:
        """Keep how long nobody asks again."""
        super().__init__(words)
        self.pause_seconds = pause_seconds


class TokenRefused(Exception):
    """The service refuses this client a token. `error` is OAuth's code, as `invalid_client` or `invalid_scope`."""

    def __init__(self, error: str, description: str) -> None:
        """Keep the code; the words are for a log."""
        super().__init__(f"{error}: {description}")
        self.error = error


class _Key(NamedTuple):
    audience: str | None
    scopes: tuple[str, ...]


@dataclass(slots=True)
class _Kept:
    """A token; moments are monotonic."""

    token: str
    renew_at: float
    ends_at: float


@dataclass(slots=True)
class _Failure:
    error: Exception
    until: float


class ServiceClient:
    """Gets a service tokens of its own, by client credentials. Spec: RFC 6749 §4.4.

    `audience` and `scopes` are what tokens are for where a call names nothing else; without `audience` it is the
    client's only one. The credentials may come from AUTH_CLIENT_ID and AUTH_CLIENT_SECRET. One object serves the whole
    process; `aclose` it, or use it as `async with`.
    """

    def __init__(
        self,
        *,
        auth_base_url: str | None = None,
        client_id: str | None = None,
        client_secret: str | None = None,
        audience: str | None = None,
        scopes: Sequence[str] = (),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Ask nothing yet. Raises ValueError for an address or credentials that cannot be right."""
        self._credentials = credentials(client_id, client_secret)
        self._default = _Key(audience, _names(scopes))
        self._connection = ServiceConnection(service_url(auth_base_url), start_over=self._forget)
        self._monotonic = monotonic
        self._kept: dict[_Key, _Kept] = {}
        self._failures: dict[_Key, _Failure] = {}
        self._flights: dict[_Key, asyncio.Task[str]] = {}
        self._closed = False

    async def token(self, audience: str | None = None, *, scopes: Sequence[str] | None = None) -> str:
        """An access token that counts; from memory, save for the first time. Raises TokenUnavailable, TokenRefused.

        Callers at one moment share one request. While a token is renewed early, the present one serves.
        """
        key = self._key(audience, scopes)
        kept = self._kept.get(key)
        now = self._monotonic()
        if kept is None or now >= kept.ends_at:
            return await self._shared(key)
        if now >= kept.renew_at and not self._is_paused(key):
            self._fly(key)
        return kept.token

    def auth(self, audience: str | None = None, *, scopes: Sequence[str] | None = None) -> "ServiceAuth":
        """What an `httpx2.AsyncClient` takes as `auth=`: each request carries a token, a 401 gets one fresh try."""
        return ServiceAuth(self, self._key(audience, scopes))

    async def aclose(self) -> None:
        """Forget the tokens and stop asking."""
        self._closed = True
        flights = list(self._flights.values())
        self._forget()
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def fresh(self, key: _Key, refused: str) -> str:
        """Another token than the one that was refused; whoever comes later gets what the first one got."""
        kept = self._kept.get(key)
        if kept is not None and kept.token != refused:
            return kept.token
        self._kept.pop(key, None)
        return await self._shared(key)

    def _key(self, audience: str | None, scopes: Sequence[str] | None) -> _Key:
        return _Key(
            self._default.audience if audience is None else audience,
            self._default.scopes if scopes is None else _names(scopes),
        )

    def _forget(self) -> None:
        self._kept.clear()
        self._failures.clear()
        self._flights.clear()

    def _is_paused(self, key: _Key) -> bool:
        failure = self._failures.get(key)
        return failure is not None and self._monotonic() < failure.until

    async def _shared(self, key: _Key) -> str:
        if self._is_paused(key):
            raise self._failures[key].error
        # Shielded: a caller that hangs up must not take the answer away from the others.
        return await asyncio.shield(self._fly(key))

    def _fly(self, key: _Key) -> "asyncio.Task[str]":
        if self._closed:
            raise RuntimeError("this ServiceClient is closed")
        loop = asyncio.get_running_loop()
        flight = self._flights.get(key)
        if flight is None or flight.done() or flight.get_loop() is not loop:
            flight = self._flights[key] = loop.create_task(self._fetch(key))
            # Nobody may be waiting: what went wrong is kept for whoever asks next.
            flight.add_done_callback(lambda done: done.cancelled() or done.exception())
        return flight

    async def _fetch(self, key: _Key) -> str:
        try:
            members, asked_at = await self._ask(key)
        except (TokenUnavailable, TokenRefused) as error:
            pause = error.pause_seconds if isinstance(error, TokenUnavailable) else PAUSE_SECONDS
            self._failures[key] = _Failure(error, self._monotonic() + pause)
            raise
        finally:
            self._flights.pop(key, None)
        self._failures.pop(key, None)
        life = max(0.0, members["expires_in"] - SAFETY_SECONDS)
        share = RENEW_AFTER + RENEW_JITTER * random.random()  # noqa: S311 — no secret, only a spread
        self._kept[key] = _Kept(members["access_token"], asked_at + life * share, asked_at + life)
        token: str = members["access_token"]
        return token

    async def _ask(self, key: _Key) -> tuple[dict[str, Any], float]:
        form = {"grant_type": "client_credentials"}
        if key.audience is not None:
            form["audience"] = key.audience
        if key.scopes:
            form["scope"] = " ".join(key.scopes)
        headers = {"content-type": "application/x-www-form-urlencoded", "authorization": self._authorization()}
        asked_at = self._monotonic()
        try:
            answer = await self._connection.post(
                TOKEN_PATH, urlencode(form).encode(), max_bytes=MAX_ANSWER_BYTES, headers=headers
            )
        except Unreachable as error:
            raise TokenUnavailable(f"POST {TOKEN_PATH}: {shown(str(error))}") from None
        return _read(answer), asked_at

    def _authorization(self) -> str:
        if self._credentials is not None:
            return basic_credentials(*self._credentials)
        if is_answered_in_process():
            return basic_credentials("service-under-test", "none")
        raise TokenRefused(
            "invalid_client", "client_id and client_secret (or AUTH_CLIENT_ID and AUTH_CLIENT_SECRET) are missing"
        )


class ServiceAuth(httpx2.Auth):
    """Puts a service's own token on each request of an `httpx2.AsyncClient`.

    A 401 is answered once by a fresh token: the present one may have been revoked. A request whose body is a stream
    that is gone by then keeps its 401.
    """

    def __init__(self, client: ServiceClient, key: _Key) -> None:
        """Made by `ServiceClient.auth`."""
        self._client = client
        self._key = key

    async def async_auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """Send, and once more where the token was not accepted. Raises TokenUnavailable, TokenRefused."""
        token = await self._client.token(self._key.audience, scopes=self._key.scopes)
        request.headers["Authorization"] = f"Bearer {token}"
        can_be_repeated = isinstance(request.stream, httpx2.ByteStream)
        response = yield request
        if response.status_code != 401 or not can_be_repeated:
            return
        await response.aread()
        other = await self._client.fresh(self._key, token)
        if other != token:
            request.headers["Authorization"] = f"Bearer {other}"
            yield request

    def sync_auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        """Refused: tokens are asked for in an event loop. Raises RuntimeError."""
        raise RuntimeError(f"ServiceClient needs httpx2.AsyncClient; {request.method} came from a synchronous one")


def _read(answer: Answer) -> dict[str, Any]:
    try:
        members = json.loads(answer.body)
    except (ValueError, RecursionError):
        members = None
    if not isinstance(members, dict):
        members = {}
    if answer.status == 200:
        token, life = members.get("access_token"), members.get("expires_in")
        if isinstance(token, str) and token and isinstance(life, int | float) and life > 0:
            return members
        raise TokenUnavailable(f"POST {TOKEN_PATH}: the answer holds no token")
    if answer.status in (400, 401, 403):
        error = members.get("error")
        known = isinstance(error, str) and _ERROR.fullmatch(error) is not None
        words = shown(members.get("error_description", ""))
        raise TokenRefused(str(error) if known else f"status_{answer.status}", words)
    raise TokenUnavailable(f"POST {TOKEN_PATH}: status {answer.status}", pause_seconds=_pause(answer))


def _pause(answer: Answer) -> float:
    told = answer.headers.get("retry-after", "")
    return min(float(told), MAX_PAUSE_SECONDS) if told.isdecimal() else PAUSE_SECONDS


def _names(scopes: Sequence[str]) -> tuple[str, ...]:
    if isinstance(scopes, str):
        raise TypeError(f"scopes must be a list of names, got the string {scopes!r}: scopes=[{scopes!r}]")
    return tuple(sorted(set(scopes)))
