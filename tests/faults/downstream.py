"""Downstream services with the SDK, each a process: `python -m tests.faults.downstream` becomes as many as asked.

They are forked after everything is imported, so that eight of them cost little, and end when their standard input
does: none outlives the test.
"""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from typing import Self

import httpx2
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from auth_service_sdk import JWTAuthMiddleware
from auth_service_sdk.client import answered_by
from auth_service_sdk.keyset import JWKS_PATH
from tests.cli.running import CLEAN, PROJECT, free_ports

AUDIENCE = "orders-api"


class Counting(httpx2.AsyncBaseTransport):
    """The network, and how often the keys were fetched through it."""

    def __init__(self) -> None:
        self.fetches = 0
        self._network = httpx2.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.fetches += request.url.path == JWKS_PATH
        return await self._network.handle_async_request(request)


def guarded(auth_base_url: str, counting: Counting) -> Starlette:
    """The application of one downstream service."""

    async def orders(request: Request) -> JSONResponse:
        return JSONResponse({"for": request.state.user.sub})

    async def fetches(_: Request) -> JSONResponse:
        return JSONResponse(counting.fetches)

    app = Starlette(routes=[Route("/orders", orders), Route("/fetches", fetches)])
    app.add_middleware(
        JWTAuthMiddleware, auth_base_url=auth_base_url, expected_audience=AUDIENCE, public_paths=["/fetches"]
    )
    return app


class Server(uvicorn.Server):
    """Ends with its standard input."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        asyncio.get_running_loop().add_reader(sys.stdin.fileno(), self._leave)

    def _leave(self) -> None:
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        self.should_exit = True


def main(auth_base_url: str, first: int, count: int) -> None:
    listeners = [socket.create_server(("127.0.0.1", first + number)) for number in range(count)]
    children = []
    for listener in listeners:
        child = os.fork()
        if child == 0:
            counting = Counting()
            with answered_by(counting):
                config = uvicorn.Config(guarded(auth_base_url, counting), log_level="warning", access_log=False)
                Server(config).run([listener])
            os._exit(0)
        children.append(child)
    for child in children:
        with contextlib.suppress(InterruptedError):
            os.waitpid(child, 0)


class Downstream:
    """The processes as a test sees them."""

    def __init__(self, auth_base_url: str, count: int) -> None:
        self._auth_base_url = auth_base_url
        self._first, self._count = free_ports(count), count
        self.ports = range(self._first, self._first + count)

    async def __aenter__(self) -> Self:
        command = (sys.executable, "-m", "tests.faults.downstream", self._auth_base_url)
        self._process = await asyncio.create_subprocess_exec(
            *command, str(self._first), str(self._count), cwd=PROJECT, env=CLEAN, stdin=asyncio.subprocess.PIPE
        )
        async with asyncio.timeout(90):
            while len(await self._answering()) < self._count:
                assert self._process.returncode is None
                await asyncio.sleep(0.05)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), 30)
        except TimeoutError:
            self._process.send_signal(signal.SIGKILL)
            await self._process.wait()

    async def fetches(self) -> list[int]:
        """How often each process has fetched the keys."""
        return await self._answering()

    async def _answering(self) -> list[int]:
        found = []
        async with httpx2.AsyncClient(timeout=20) as client:
            for port in self.ports:
                with contextlib.suppress(httpx2.TransportError):
                    found.append((await client.get(f"http://127.0.0.1:{port}/fetches")).json())
        return found


@contextlib.asynccontextmanager
async def clients(ports: range) -> AsyncIterator[list[httpx2.AsyncClient]]:
    """A client of each process."""
    async with contextlib.AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20))
            for port in ports
        ]


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
