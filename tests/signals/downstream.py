"""Services with the SDK that follow the feed of a real server, and everything they send to it."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from app.audit.event import SYSTEM
from app.clients.rules import ClientDefinition, ServiceScope
from app.wiring import Services
from auth_service_sdk import APIKeyAuthMiddleware, JWTAuthMiddleware, require_live_session
from auth_service_sdk.client import answered_by
from tests.signals.conftest import ORIGIN
from tests.support import ISSUER

CAP_SECONDS = 60


class Wire(httpx2.AsyncBaseTransport):
    """The network between services and the server: counts what passes, and can be cut, path by path."""

    def __init__(self) -> None:
        self.passed: Counter[str] = Counter()
        self.cut: set[str] = set()
        self._network = httpx2.AsyncHTTPTransport()
        self._open: list[httpx2.Response] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.path
        self.passed[path] += 1
        if path in self.cut or "*" in self.cut:
            raise httpx2.ConnectError("cut")
        response = await self._network.handle_async_request(request)
        if request.headers.get("accept") == "text/event-stream":
            self._open.append(response)
        return response

    async def sever(self, *paths: str) -> None:
        """Cut paths, and the streams that are open."""
        self.cut = set(paths)
        open_now, self._open = self._open, []
        for response in open_now:
            with contextlib.suppress(RuntimeError):
                await response.aclose()

    async def aclose(self) -> None:
        await self._network.aclose()


class Downstream:
    """One service, called through its own ASGI interface."""

    def __init__(self, app: Starlette) -> None:
        self.app = app
        self.client = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://orders")
        app.middleware_stack = app.build_middleware_stack()
        guard: Any = app.middleware_stack
        while not isinstance(guard, JWTAuthMiddleware):
            guard = guard.app
        self.guard = guard

    async def status(self, headers: dict[str, str], path: str = "/orders") -> int:
        return (await self.client.get(path, headers=headers)).status_code

    async def follows(self) -> None:
        """Return once the feed is known here."""
        await until(lambda: self.guard.following.join().revoked is not None)


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(CAP_SECONDS):
        while not holds():
            await asyncio.sleep(0.005)


async def until_status(services: list[Downstream], headers: dict[str, str], status: int) -> None:
    """Return once every service answers so."""
    async with asyncio.timeout(CAP_SECONDS):
        while any([await service.status(headers) != status for service in services]):
            await asyncio.sleep(0.005)


async def credentials(services: Services, audience: str) -> tuple[str, str]:
    definition = ClientDefinition(name=audience, audience=audience, scopes=tuple(ServiceScope))
    async with services.db.transaction() as tx:
        made = await services.clients.create(tx, definition, actor=SYSTEM, origin=ORIGIN)
    assert made.raw_secret is not None
    return made.client_id, made.raw_secret


def guarded(url: str, pair: tuple[str, str], *, audience: str = "orders-api", **options: Any) -> Downstream:
    """A service with both guards and two routes; `/transfer` asks each time."""

    async def orders(request: Request) -> JSONResponse:
        return JSONResponse({"for": request.state.user.sub})

    async def transfer(request: Request) -> JSONResponse:
        await require_live_session(request)
        return JSONResponse({})

    given: dict[str, Any] = {
        "auth_base_url": url,
        "issuer": ISSUER,
        "expected_audience": audience,
        "client_id": pair[0],
        "client_secret": pair[1],
        **options,
    }
    app = Starlette(routes=[Route("/orders", orders), Route("/transfer", transfer)])
    app.add_middleware(JWTAuthMiddleware, **given)
    app.add_middleware(APIKeyAuthMiddleware, **given)
    return Downstream(app)


@contextlib.asynccontextmanager
async def wired() -> AsyncIterator[Wire]:
    wire = Wire()
    try:
        with answered_by(wire):
            yield wire
    finally:
        await wire.aclose()
