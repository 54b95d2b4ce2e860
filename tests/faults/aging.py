"""A downstream service whose hours a test moves: `python -m tests.faults.aging URL ISSUER PORT`, under libfaketime.

It guards one route strictly and one leniently, and tells its time to whoever asks.
"""

import asyncio
import contextlib
import signal
import sys
import time
from pathlib import Path
from typing import Any, Self

import httpx2
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from auth_service_sdk import JWTAuthMiddleware
from tests.cli.running import CLEAN, PROJECT, free_ports
from tests.system import fake_time

AUDIENCE = "orders-api"
STRICT, LENIENT = "/strict", "/lenient"


def guarded(auth_base_url: str, issuer: str) -> Starlette:
    async def orders(request: Request) -> JSONResponse:
        return JSONResponse({"for": request.state.user.sub})

    async def state(_: Request) -> JSONResponse:
        following = guard.following
        follows = following.join().revoked is not None and following.is_known_within(5)
        return JSONResponse({"wall": time.time(), "monotonic": time.monotonic(), "follows": follows})

    app = Starlette(routes=[Route(STRICT, orders), Route(LENIENT, orders), Route("/state", state)])
    app.add_middleware(
        JWTAuthMiddleware,
        auth_base_url=auth_base_url,
        issuer=issuer,
        expected_audience=AUDIENCE,
        lenient_paths=[LENIENT],
        public_paths=["/state"],
    )
    guard: Any = app.build_middleware_stack()
    app.middleware_stack = guard
    while not isinstance(guard, JWTAuthMiddleware):
        guard = guard.app
    return app


class Aging:
    """The process as a test sees it. It is born `hours` from now."""

    def __init__(self, url: str, issuer: str, pair: tuple[str, str], folder: Path, *, hours: float = 0.0) -> None:
        self._port = free_ports(1)
        self._command = (sys.executable, "-m", "tests.faults.aging", url, issuer, str(self._port))
        self._time = folder / f"time-{self._port}"
        self._hours = hours
        self._environment = CLEAN | {
            "AUTH_CLIENT_ID": pair[0],
            "AUTH_CLIENT_SECRET": pair[1],
            "LD_PRELOAD": fake_time(),
            "FAKETIME_TIMESTAMP_FILE": str(self._time),
            "FAKETIME_NO_CACHE": "1",
        }

    async def __aenter__(self) -> Self:
        self._write(self._hours)
        self._process = await asyncio.create_subprocess_exec(
            *self._command, cwd=PROJECT, env=self._environment, stderr=asyncio.subprocess.DEVNULL
        )
        # A connection for each request: kept ones would be hours old.
        limits = httpx2.Limits(max_keepalive_connections=0)
        url = f"http://127.0.0.1:{self._port}"
        self._client = httpx2.AsyncClient(base_url=url, timeout=30, limits=limits, trust_env=False)
        async with asyncio.timeout(60):
            while await self._state() is None:
                assert self._process.returncode is None
                await asyncio.sleep(0.02)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()
        self._process.send_signal(signal.SIGKILL)
        await self._process.wait()

    async def ask(self, raw_token: str, path: str) -> httpx2.Response:
        return await self._client.get(path, headers={"Authorization": f"Bearer {raw_token}"})

    async def follows(self) -> None:
        """Return once the feed is known there, and new."""
        async with asyncio.timeout(60):
            while not ((state := await self._state()) and state["follows"]):
                await asyncio.sleep(0.01)

    async def live_on(self, hours: float) -> None:
        """Return once it is so many hours from now there, by both of its clocks."""
        before, passed = await self._state(), (hours - self._hours) * 3600
        assert before is not None
        self._hours = hours
        self._write(hours)
        async with asyncio.timeout(60):
            while not ((now := await self._state()) and _passed(before, now) >= passed - 1):
                await asyncio.sleep(0.01)

    def _write(self, hours: float) -> None:
        written = self._time.with_suffix(".new")
        written.write_text(f"+{int(hours * 3600)}\n")
        written.replace(self._time)

    async def _state(self) -> dict[str, float] | None:
        with contextlib.suppress(httpx2.TransportError):
            return (await self._client.get("/state")).json()
        return None


def _passed(before: dict[str, float], now: dict[str, float]) -> float:
    return min(now[name] - before[name] for name in ("wall", "monotonic"))


if __name__ == "__main__":
    config = uvicorn.Config(guarded(sys.argv[1], sys.argv[2]), port=int(sys.argv[3]), loop="asyncio", access_log=False)
    uvicorn.Server(config).run()
