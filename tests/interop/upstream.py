"""A foreign provider as a process, and the browser of somebody who signs in there."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.browser.conftest import served
from tests.interop.person import Form, Reading
from tools.npm_install import NodeEnvironment

_MAX_STEPS = 24


@contextlib.asynccontextmanager
async def node_provider(node: NodeEnvironment, given: dict[str, object]) -> AsyncGenerator[str, None]:
    """panva/oidc-provider with what it is `given`; its issuer."""
    process = await asyncio.create_subprocess_exec(
        node.node,
        str(node.folder / "oidc-provider.mjs"),
        json.dumps(given),
        cwd=node.folder,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        async with asyncio.timeout(120):
            said = await process.stdout.readline()
        yield json.loads(said)["issuer"]
    finally:
        process.stdin.close()
        async with asyncio.timeout(30):
            await process.wait()


@dataclass
class ForeignBrowser:
    """Fills in every form that a provider shows, until it is sent back to `callback`."""

    callback: str
    filled: dict[str, str]
    http: httpx2.AsyncClient = field(default_factory=lambda: httpx2.AsyncClient(timeout=60))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()

    async def visit(self, url: str) -> dict[str, str]:
        """Go there, and tell with which query the provider sends the browser back."""
        answer = await self.http.get(url)
        for _ in range(_MAX_STEPS):
            for cookie in self.http.cookies.jar:
                # As browsers do on this machine: http to localhost is as good as https.
                cookie.secure = False
            if answer.is_redirect:
                to = urljoin(str(answer.url), answer.headers["location"])
                if to.startswith(self.callback):
                    return dict(parse_qsl(urlsplit(to).query))
                answer = await self.http.get(to)
                continue
            form = _form_in(answer)
            values = form.fields | {name: value for name, value in self.filled.items() if name in form.fields}
            answer = await self.http.post(urljoin(str(answer.url), form.action), data=values)
        raise AssertionError(f"never sent back; last at {answer.url}")


def _form_in(answer: httpx2.Response) -> Form:
    reading = Reading()
    reading.feed(answer.text)
    words = " ".join(" ".join(reading.words).split())[-1500:]
    assert answer.status_code == 200, f"{answer.url} answers {answer.status_code}: {words}"
    assert reading.forms, f"no form at {answer.url}: {words}"
    return reading.forms[0]


@contextlib.asynccontextmanager
async def told() -> AsyncGenerator[tuple[str, "asyncio.Queue[str]"], None]:
    """Where a provider posts its logout tokens, and what it posted."""
    received: asyncio.Queue[str] = asyncio.Queue()

    async def hear(request: Request) -> Response:
        await received.put(dict(parse_qsl((await request.body()).decode()))["logout_token"])
        return Response(status_code=200)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        async with served(Starlette(routes=[Route("/logout", hear, methods=["POST"])]), listener):
            yield f"http://localhost:{listener.getsockname()[1]}/logout", received
