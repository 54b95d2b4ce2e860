"""The outside of a deployment, in a process of its own: other providers, and a crowd of people who sign in by them.

`python -m tests.faults.crowd` says which providers there are, then does what it is told, one line of JSON each way. So
neither the crowd nor the providers take the time of whoever measures the service, nor the service's own loop.
"""

import asyncio
import json
import re
import subprocess
import sys
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit
from uuid import uuid4

import uvloop
from starlette.requests import Request
from starlette.responses import Response

from tests.brokering.broken import FAULTS, Broken
from tests.cli.running import CLEAN, PROJECT
from tests.federation.oidc.provider import Provider, new_key, serving

SLOW = "slow"
SLOW_SECONDS = 3.0
KINDS = (SLOW, "hangs", "drips", "resets", "fails", "tls")
_AT_ONCE = 16
_PATIENCE_SECONDS = 120
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")
_HEADER = re.compile(rb"(?i)\r\n([a-z-]+): ([^\r\n]*)")
# The page that can be opened again says so by a link to itself.
_REPEATABLE = b'href=""'


@dataclass
class Gone:
    """Somebody at a provider: where they come back to, and by which cookies their browser is known."""

    path: str
    cookie: str


@dataclass
class Answer:
    status: int
    seconds: float
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    def header(self, name: str) -> str:
        return next((value for found, value in self.headers if found == name), "")


async def get(url: str, cookie: str = "") -> Answer:
    """One request on a connection of its own, by as little work of ours as it takes."""
    parts = urlsplit(url)
    begun = time.monotonic()
    reader, writer = await asyncio.open_connection("127.0.0.1", parts.port)
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    head = f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nAccept: text/html\r\nConnection: close\r\n"
    writer.write(f"{head}{f'Cookie: {cookie}' if cookie else 'X-None: 1'}\r\n\r\n".encode())
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            raw = await reader.read(-1)
    finally:
        writer.close()
    seconds = time.monotonic() - begun
    head_bytes, _, body = raw.partition(b"\r\n\r\n")
    status = _STATUS.match(raw)
    headers = [(name.decode().lower(), value.decode()) for name, value in _HEADER.findall(head_bytes)]
    return Answer(int(status[1]) if status else 0, seconds, headers, body)


class Outside:
    """The providers, and the people who are at one of them."""

    def __init__(self) -> None:
        self._providers: dict[str, Provider] = {}
        self._broken: dict[str, Broken] = {}
        self._gone: dict[str, list[Gone]] = {kind: [] for kind in KINDS}
        self._service = ""

    async def open(self, stack: AsyncExitStack) -> None:
        key = new_key()
        for kind in KINDS:
            provider = self._providers[kind] = await stack.enter_async_context(serving(Provider(key=key)))
            if kind == SLOW:
                provider.answers["/token"] = self._slowly
            else:
                broken = self._broken[kind] = await stack.enter_async_context(Broken().serving(FAULTS[kind]))
                scheme = "https" if kind == "tls" else "http"
                provider.metadata_changes = {"token_endpoint": f"{scheme}://localhost:{broken.port}/token"}

    def declared(self) -> list[dict[str, Any]]:
        """The providers, as the settings of a deployment name them."""
        return [
            {
                "id": kind,
                "name": kind.title(),
                "config": {"issuer": provider.issuer, "client_id": provider.client_id},
                "secret": provider.client_secret,
            }
            for kind, provider in self._providers.items()
        ]

    async def obey(self, told: dict[str, Any]) -> object:
        match told["do"]:
            case "depart":
                self._service = told["service"]
                await self._all_depart(told["people"])
                return None
            case "return":
                kinds = told["kinds"]
                waves = await asyncio.gather(*(self._wave(kind, told["keeps"]) for kind in kinds))
                return dict(zip(kinds, waves, strict=True))
            case "asked":
                return {kind: broken.came for kind, broken in self._broken.items()}
        raise ValueError(told["do"])

    async def _all_depart(self, people: dict[str, int]) -> None:
        limit = asyncio.Semaphore(_AT_ONCE)

        async def one(kind: str) -> None:
            async with limit:
                self._gone[kind].append(await self._depart(kind))

        await asyncio.gather(*(one(kind) for kind, count in people.items() for _ in range(count)))

    async def _depart(self, kind: str) -> Gone:
        """Begin in a browser of its own, and go to the provider."""
        answer = await get(f"{self._service}/auth/oauth/{kind}/start")
        assert answer.status == 303, answer
        cookie = "; ".join(value.partition(";")[0] for name, value in answer.headers if name == "set-cookie")
        back = await get(answer.header("location"))
        parts = urlsplit(back.header("location"))
        return Gone(f"{parts.path}?{parts.query}", cookie)

    async def _wave(self, kind: str, keeps: int) -> list[list[float]]:
        """All but so many of a kind come back at this moment.

        For each the last status, the slowest page, the whole time, and how often they were told to come again.
        """
        going = len(self._gone[kind]) - keeps
        people, self._gone[kind] = self._gone[kind][:going], self._gone[kind][going:]
        return await asyncio.gather(*(self._return(one) for one in people))

    async def _return(self, one: Gone) -> list[float]:
        """Come back, and do what the page says: open it again after the time that it names."""
        begun, slowest, again = time.monotonic(), 0.0, 0
        while True:
            answer = await get(self._service + one.path, one.cookie)
            slowest = max(slowest, answer.seconds)
            if answer.status != 503 or _REPEATABLE not in answer.body:
                return [answer.status, slowest, time.monotonic() - begun, again]
            again += 1
            await asyncio.sleep(float(answer.header("retry-after")))

    async def _slowly(self, request: Request) -> Response:
        await request.body()
        await asyncio.sleep(SLOW_SECONDS)
        provider = self._providers[SLOW]
        # Each of them is somebody else.
        name = uuid4().hex
        provider.person = {**provider.person, "sub": name, "email": f"{name}@corp.example"}
        return await provider._token(request)


class Crowd:
    """The outside, as a test gives it orders."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.crowd"],
            cwd=PROJECT,
            env=CLEAN,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        self.declared = self._hear()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
        self._process.stdout.close()

    async def do(self, what: str, **more: object) -> Any:
        """Have something done, and hear what came of it."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": what, **more}) + "\n")
        self._process.stdin.flush()
        return await asyncio.to_thread(self._hear)

    def _hear(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the crowd has gone"
        return json.loads(line)


async def _main() -> None:
    async with AsyncExitStack() as stack:
        outside = Outside()
        await outside.open(stack)
        print(json.dumps(outside.declared()), flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            print(json.dumps(await outside.obey(json.loads(line))), flush=True)


if __name__ == "__main__":
    uvloop.run(_main())
