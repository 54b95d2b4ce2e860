"""Serves the few endpoints that carry the load ahead of FastAPI's stack.

Routing, dependency injection and exit stacks cost more than such an endpoint's own work. They are FastAPI routes
all the same: in the schema, and served by it where the look-up by method and path does not match.
"""

from collections.abc import Mapping

from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from app.foundation.problems import REFUSALS, render
from app.foundation.routing import HotEndpoint
from app.foundation.tracing import name_span


class HotRequest(Request):
    """A request whose body is read as it comes: the library's own generator costs as much as reading its JSON."""

    async def body(self) -> bytes:
        """The whole body. Raises ClientDisconnect, and what the edge raises."""
        if not hasattr(self, "_body"):
            pieces: list[bytes] = []
            more = True
            while more:
                message = await self.receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnect
                pieces.append(message.get("body", b""))
                more = message.get("more_body", False)
            self._body = b"".join(pieces)
        return self._body


class HotPath:
    """ASGI middleware: answers what is in `endpoints`, passes the rest on. Refusals are rendered as everywhere.

    Where requests are `traced`, their spans are told the route.
    """

    def __init__(self, app: ASGIApp, endpoints: Mapping[tuple[str, str], HotEndpoint], *, traced: bool = False) -> None:
        self._app = app
        self._traced = traced
        self._endpoints = endpoints

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        endpoint = self._endpoints.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if endpoint is None:
            await self._app(scope, receive, send)
            return
        scope["state"]["route"] = scope["path"]
        if self._traced:
            name_span(scope["method"], scope["path"])
        try:
            response = await endpoint(HotRequest(scope, receive, send))
        except REFUSALS as error:
            response = render(scope, error)
        await response(scope, receive, send)
