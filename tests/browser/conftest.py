"""Pages in a real browser: Chromium, against the service on a loopback port, with everything it says kept."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, async_playwright
from starlette.types import ASGIApp

from app.foundation.engines.lock import Engines
from app.foundation.http_protocol import BoundedProtocol
from app.main import create_app
from app.settings import Settings
from app.wiring import Services
from tests.conftest import settings_for
from tests.system import program

AXE = Path(__file__).parent / "axe" / "axe.min.js"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SIZES = {"phone": (360, 740), "desk": (1280, 800)}
# What WCAG 2.2 AA asks, and what axe's authors think right beyond it.
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@contextlib.asynccontextmanager
async def chromium_running() -> AsyncIterator[Browser]:
    executable = program("chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield browser
        await browser.close()


@pytest.fixture(scope="session")
async def chromium(anyio_backend: str) -> AsyncIterator[Browser]:
    async with chromium_running() as browser:
        yield browser


@dataclass
class Reader:
    """One person's browser: a context of its own, and what its pages complained of."""

    context: BrowserContext
    page: Page
    complaints: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    async def violations(self, rules: list[str] | None = None) -> list[str]:
        """What axe finds on the present page, by RULES or by these alone, and whether it scrolls sideways."""
        # In a world of its own, which the page's policy does not bind.
        session = await self.context.new_cdp_session(self.page)
        tree = await session.send("Page.getFrameTree")
        frame = tree["frameTree"]["frame"]["id"]
        world = await session.send("Page.createIsolatedWorld", {"frameId": frame, "worldName": "axe"})
        place = {"contextId": world["executionContextId"], "awaitPromise": True, "returnByValue": True}
        await session.send("Runtime.evaluate", {"expression": AXE.read_text(), **place, "returnByValue": False})
        only = RULES if rules is None else {"type": "rule", "values": rules}
        expression = f"axe.run(document, {{runOnly: {only}, resultTypes: ['violations']}}).then(r => r.violations)"
        answer = await session.send("Runtime.evaluate", {"expression": expression, **place})
        await session.detach()
        assert "exceptionDetails" not in answer, answer
        found = [f"{v['id']}: {v['nodes'][0]['html'][:200]}" for v in answer["result"]["value"]]
        wide = await self.page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
        return [*found, "it scrolls sideways"] if wide else found


class Readers:
    """Opens readers. `scheme` is `light` or `dark`, `size` one of SIZES."""

    def __init__(self, chromium: Browser) -> None:
        self._chromium = chromium
        self.contexts: list[BrowserContext] = []

    async def open(
        self, *, scheme: Any = "light", size: str = "desk", locale: str = "en-US", javascript: bool = True, **more: Any
    ) -> Reader:
        width, height = SIZES[size]
        context = await self._chromium.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            locale=locale,
            java_script_enabled=javascript,
            **more,
        )
        self.contexts.append(context)
        reader = Reader(context, await context.new_page())
        reader.page.on("console", lambda message: self._note(reader, message))
        reader.page.on("pageerror", lambda error: reader.complaints.append(f"error: {error}"))
        reader.page.on("request", lambda request: reader.asked.append(request.url))
        return reader

    @staticmethod
    def _note(reader: Reader, message: ConsoleMessage) -> None:
        # A browser that has put the focus somewhere itself says so, and that it leaves it there.
        if not message.text.startswith("Autofocus processing was blocked"):
            reader.complaints.append(f"{message.type}: {message.text}")


@pytest.fixture
async def browser(chromium: Browser) -> AsyncIterator[Readers]:
    """`await browser.open(scheme="dark", size="phone")` gives a reader with a `page` of Playwright's."""
    readers = Readers(chromium)
    yield readers
    for context in readers.contexts:
        await context.close()


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as bound:
        yield bound


@pytest.fixture
def settings(database_url: str, engines: Engines, listener: socket.socket) -> Settings:
    return settings_for(database_url, engines, public_url=f"http://localhost:{listener.getsockname()[1]}")


@contextlib.asynccontextmanager
async def served(app: ASGIApp, listener: socket.socket) -> AsyncIterator[None]:
    """Serve an application in this loop, as the process would serve it."""
    config = uvicorn.Config(
        app, http=BoundedProtocol, ws="none", lifespan="on", log_config=None, access_log=False, proxy_headers=False
    )
    server = uvicorn.Server(config)
    await_end = asyncio.create_task(server._serve([listener]))
    try:
        while not server.started:
            assert not await_end.done(), "the application did not start"
            await asyncio.sleep(0.01)
        yield
    finally:
        server.should_exit = True
        await await_end


@pytest.fixture
async def site(services: Services, listener: socket.socket) -> AsyncIterator[str]:
    """The service on a port of its own; its address, which is also its public URL."""
    async with served(create_app(services=services), listener):
        yield services.settings.public_url
