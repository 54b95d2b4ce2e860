"""Renders refusals: problem documents with a Bearer challenge over HTTP, a refused handshake over WebSocket."""

import copy
import json
import logging
import re
import secrets
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from auth_service_sdk.errors import Refusal
from auth_service_sdk.gate import shown

POLICY_VIOLATION = 1008
"""The WebSocket close code of a refusal. Spec: RFC 6455 §7.4.1."""

_TRACEPARENT = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")
_LOOPBACK_HOST = re.compile(rb"(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?", re.IGNORECASE)
_NOT_QUOTABLE = re.compile(r"[^\x20\x21\x23-\x5b\x5d-\x7e]")
_FORWARDED = frozenset({b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-real-ip", b"via"})

_log = logging.getLogger("auth_service_sdk")


class Refusals:
    """Sends the answer to a refused request, in place of the application it guards.

    When a CORSMiddleware stands further in, the answer passes through a copy of it, so that a browser lets the page
    read why it was refused; one further out adds its headers by itself.
    """

    def __init__(self, app: ASGIApp, *, realm: str) -> None:
        self._app = app
        self._realm = realm

    async def send(self, error: Refusal, scope: Scope, receive: Receive, send: Send) -> None:
        """Log a refusal and answer with it. `scope` must be of a request or handshake not yet answered."""
        trace_id = _trace_id(scope)
        _log_refusal(error, scope, trace_id)
        messages = self._messages(error, scope, trace_id)

        async def answer(_scope: Scope, _receive: Receive, send_on: Send) -> None:
            for message in messages:
                await send_on(message)

        cors = _inner_cors(self._app) if scope["type"] == "http" else None
        if cors is None:
            await answer(scope, receive, send)
            return
        around = copy.copy(cors)
        around.app = answer
        await around(scope, receive, send)

    def _messages(self, error: Refusal, scope: Scope, trace_id: str) -> list[Message]:
        body = json.dumps(_problem(error, scope, trace_id)).encode()
        headers = [(name.encode(), value.encode()) for name, value in self._headers(error)]
        headers += [(b"x-trace-id", trace_id.encode()), (b"content-length", str(len(body)).encode())]
        kind = "http.response"
        if scope["type"] == "websocket":
            kind = "websocket.http.response"
            if kind not in (scope.get("extensions") or {}):
                return [{"type": "websocket.close", "code": POLICY_VIOLATION, "reason": error.code}]
        return [
            {"type": f"{kind}.start", "status": error.status, "headers": headers},
            {"type": f"{kind}.body", "body": body},
        ]

    def _headers(self, error: Refusal) -> Iterator[tuple[str, str]]:
        yield "content-type", "application/problem+json"
        yield "cache-control", "no-store"
        if error.retry_after_seconds is not None:
            yield "retry-after", str(error.retry_after_seconds)
        if error.challenge is not None:
            parameters = {"realm": self._realm, **error.challenge}
            yield "www-authenticate", f"{error.scheme} " + ", ".join(f"{k}={_quoted(v)}" for k, v in parameters.items())


def _problem(error: Refusal, scope: Scope, trace_id: str) -> dict[str, Any]:
    # Far from loopback a caller learns no more than the description: the rest helps whoever forges tokens.
    detail = f"{error.description} ({error.detail})" if error.detail and _is_local(scope) else error.description
    return {
        "type": f"urn:auth-service:problem:{error.code}",
        "title": error.title,
        "status": error.status,
        "detail": detail,
        "code": error.code,
        "trace_id": trace_id,
    }


def _log_refusal(error: Refusal, scope: Scope, trace_id: str) -> None:
    level = logging.WARNING if error.misconfigured else logging.INFO
    method = scope.get("method", "WEBSOCKET")
    _log.log(
        level,
        "refused %s %s: %d %s: %s (trace %s)",
        shown(method)[1:-1],
        shown(scope.get("path", ""))[1:-1],
        error.status,
        error.code,
        error.detail or error.description,
        trace_id,
    )


def _inner_cors(app: Any) -> CORSMiddleware | None:
    # The chain of middlewares is short; the bound only guards against one that points back at itself.
    for _ in range(64):
        if app is None or isinstance(app, CORSMiddleware):
            return app
        app = getattr(app, "app", None) or getattr(app, "middleware_stack", None)
    return None


def _trace_id(scope: Scope) -> str:
    """The trace id of the caller's traceparent, or a fresh one. Spec: W3C Trace Context §3.2."""
    for name, value in scope["headers"]:
        if name == b"traceparent":
            match = _TRACEPARENT.fullmatch(value)
            return match.group(1).decode() if match else secrets.token_hex(16)
    return secrets.token_hex(16)


def _is_local(scope: Scope) -> bool:
    """Whether this very machine asks itself: loopback on both ends, in the Host header too, and no proxy between."""
    hosts = [value for name, value in scope["headers"] if name == b"host"]
    return (
        _is_loopback(scope.get("client"))
        and _is_loopback(scope.get("server"))
        and len(hosts) == 1
        and _LOOPBACK_HOST.fullmatch(hosts[0]) is not None
        and _FORWARDED.isdisjoint(name for name, _ in scope["headers"])
    )


def _is_loopback(address: tuple[str, int | None] | None) -> bool:
    try:
        return address is not None and ip_address(address[0]).is_loopback
    except ValueError:
        return False


def _quoted(value: str) -> str:
    # The characters of error_description, so that no value can end the quotes or the header. Spec: RFC 6750 §3.
    return '"' + _NOT_QUOTABLE.sub("?", value) + '"'
