"""One request or WebSocket handshake to an ASGI application, up to the status of its answer."""

import asyncio
from typing import Any

from starlette.types import Message, Scope

ACCEPTED = 101


async def knock(app: Any, method: str, path: str, headers: dict[str, str]) -> int:
    """Return the status an application answers with; 101 for a WebSocket that it accepts, 500 for an exception.

    `method` is WEBSOCKET for a handshake. The client hangs up as soon as the status is known. No lifespan is run.
    """
    visitor = _Visitor("websocket" if method == "WEBSOCKET" else "http")
    task = asyncio.ensure_future(app(_scope(method, path, headers), visitor.receive, visitor.send))
    # Whatever it ends with, after the status it is of no interest here.
    await asyncio.wait([task])
    failed = task.cancelled() or task.exception() is not None
    if visitor.status is None and not failed:
        raise RuntimeError(f"{method} {path}: the application ended without an answer")
    return visitor.status or 500


class _Visitor:
    def __init__(self, kind: str) -> None:
        self.status: int | None = None
        self._kind = kind
        self._spoke = False

    async def receive(self) -> Message:
        if self._spoke:
            return {"type": f"{self._kind}.disconnect", "code": 1005}
        self._spoke = True
        if self._kind == "websocket":
            return {"type": "websocket.connect"}
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if kind in ("http.response.start", "websocket.http.response.start"):
            self.status = message["status"]
        elif kind == "websocket.accept":
            self.status = ACCEPTED
        elif kind == "websocket.close" and self.status is None:
            # Closed before it was accepted: a server answers the handshake with this. Spec: ASGI WebSocket.
            self.status = 403
        elif message.get("more_body"):
            # As a server does whose client is gone: an endless stream ends here.
            raise OSError("the client hung up")


def _scope(method: str, path: str, headers: dict[str, str]) -> Scope:
    path, _, query = path.partition("?")
    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(b"host", b"testserver"), *((k.lower().encode(), v.encode()) for k, v in headers.items())],
        "client": ("testclient", 50000),
        "server": ("testserver", 80),
        "extensions": {},
    }
    if method == "WEBSOCKET":
        del scope["method"]
        scope.update(type="websocket", scheme="ws", subprotocols=[], extensions={"websocket.http.response": {}})
    return scope
