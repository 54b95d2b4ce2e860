"""The trace id: one for each request, on its answer and on each of its log lines."""

import re
from contextvars import ContextVar

from opentelemetry.trace import format_trace_id, get_current_span

from app.foundation.secrets import random_bytes

current_trace_id: ContextVar[str | None] = ContextVar("trace_id", default=None)
"""The trace id of the request or command that this task works for."""

_TRACEPARENT = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")


def new_trace_id() -> str:
    """A random trace id: 32 hexadecimal digits."""
    return random_bytes(16).hex()


def trace_id_from(traceparent: bytes | None) -> str:
    """The caller's trace id when the header is valid, else a new one. Spec: W3C Trace Context §3.2."""
    if traceparent is not None:
        match = _TRACEPARENT.fullmatch(traceparent)
        if match is not None and (len(traceparent) == 55 or not traceparent.startswith(b"00")):
            return match[1].decode("ascii")
    return new_trace_id()


def trace_id_of_span() -> str | None:
    """The trace id of the OpenTelemetry span that this task works in, if it works in one."""
    context = get_current_span().get_span_context()
    return format_trace_id(context.trace_id) if context.is_valid else None


def name_span(method: str, route: str) -> None:
    """Tell the span of this task which route it serves, as FastAPI does for those that it finds."""
    span = get_current_span()
    span.set_attribute("http.route", route)
    span.update_name(f"{method} {route}")
