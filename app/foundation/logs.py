"""The log: one line of JSON for each entry on standard output, in development one line for a reader.

Entries of the standard library's loggers (uvicorn, SQLAlchemy, our own) and of structlog take the same way: the
trace id is added, secrets are taken out, control characters are escaped.
"""

import asyncio
import json
import logging
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

from pydantic_core import to_json

from app.foundation.lean import without
from app.foundation.redaction import escape_controls, redact_fields, redact_text
from app.foundation.tracing import current_trace_id

with without("rich"):
    # Its colours are not used; with them come their library, a highlighter of code, and more.
    import structlog
    from structlog.typing import EventDict, Processor, WrappedLogger

ACCESS_LOGGER = "app.access"
_MAX_PATH_CHARACTERS = 200
_QUIET = ("uvicorn.access", "asyncio", "sqlalchemy", "alembic")
_WITH_OWN_HANDLERS = ("uvicorn", "uvicorn.error")

_access = logging.getLogger(ACCESS_LOGGER)
_encode = json.JSONEncoder(default=str).encode
_stamp = structlog.processors.TimeStamper(fmt="iso", utc=True, key="at")


def _add_trace_id(_: WrappedLogger, __: str, entry: EventDict) -> EventDict:
    trace_id = current_trace_id.get()
    if trace_id is not None:
        entry.setdefault("trace_id", trace_id)
    return entry


_PREPARE: tuple[Processor, ...] = (
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    _stamp,
    _add_trace_id,
    structlog.processors.format_exc_info,
    structlog.processors.UnicodeDecoder(),
)


def configure_logs(*, development: bool, stream: TextIO | None = None) -> None:
    """Send every entry of this process to `stream`, by default standard output. The process's entry calls it."""
    render = _line if development else _json_line
    to = stream or sys.stdout
    handler = logging.StreamHandler(to)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *_PREPARE],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _redact, render],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    _access.handlers, _access.propagate = [_AccessHandler(to, _line if development else _access_line)], False
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in _WITH_OWN_HANDLERS:
        library = logging.getLogger(name)
        library.handlers, library.propagate = [], True
    structlog.configure(
        processors=[*_PREPARE, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )


def log_request(
    *,
    method: str,
    path: str,
    matched: bool,
    status: int | None,
    seconds: float,
    ip: str | None,
    problem: str | None,
    detail: str | None,
) -> None:
    """One entry for one request. `path` is the route's pattern where one matched, else what was asked for.

    The query is left out, where codes and tokens travel. No record is made of it: walking the stack, filling a
    record and passing it on would cost every request as much as the whole edge does.
    """
    if not _access.isEnabledFor(logging.INFO):
        return
    fields: dict[str, object] = {
        "level": "info",
        "event": "request",
        "method": method if matched else redact_text(method, limit=16),
        "path": path if matched else redact_text(path, limit=_MAX_PATH_CHARACTERS),
        "status": status,
        "duration_ms": round(seconds * 1000, 2),
        "ip": ip,
        "trace_id": current_trace_id.get(),
    }
    if problem is not None:
        fields["problem"] = problem
    if detail is not None:
        fields["problem_detail"] = redact_text(detail)
    for handler in _access.handlers:
        if isinstance(handler, _AccessHandler):
            handler.write(fields)


class _AccessHandler(logging.StreamHandler[TextIO]):
    """Writes the fields of `log_request`, which are redacted already."""

    def __init__(self, stream: TextIO, render: Processor) -> None:
        super().__init__(stream)
        self._render = render
        self._waiting: list[str] = []

    def write(self, fields: MutableMapping[str, Any]) -> None:
        """Write one entry, together with the others of this turn of the event loop: handing over costs the most."""
        line = str(self._render(_access, "info", _stamp(_access, "info", fields)))
        self._waiting.append(f"{line}\n")
        if len(self._waiting) > 1:
            return
        try:
            asyncio.get_running_loop().call_soon(self.hand_over)
        except RuntimeError:
            self.hand_over()

    def hand_over(self) -> None:
        """Give what was written to the stream."""
        lines, self._waiting = self._waiting, []
        self.stream.write("".join(lines))
        self.stream.flush()


def _redact(_: WrappedLogger, __: str, entry: EventDict) -> EventDict:
    # uvicorn says everything twice, the second time with colours.
    entry.pop("color_message", None)
    return redact_fields(entry)


def _json_line(_: WrappedLogger, __: str, entry: MutableMapping[str, Any]) -> str:
    """One line; whatever is not ASCII is escaped, controls with it."""
    return _encode(entry)


def _access_line(_: WrappedLogger, __: str, entry: MutableMapping[str, Any]) -> str:
    """The same for the few kinds of values that a request's entry has, nearly always ASCII: in a fifth of the time."""
    written = to_json(entry).decode()
    return written if written.isascii() else _encode(entry)


def _line(_: WrappedLogger, __: str, entry: MutableMapping[str, Any]) -> str:
    """One line for a reader, and an exception's traceback below it."""
    fields = dict(entry)
    at, level, event = str(fields.pop("at", ""))[11:19], fields.pop("level", ""), fields.pop("event", "")
    traceback = fields.pop("exception", None)
    fields.pop("logger", None)
    values = " ".join(f"{name}={escape_controls(str(value))}" for name, value in fields.items() if value is not None)
    line = f"{at} {level:<8} {escape_controls(str(event))} {values}".rstrip()
    below = "" if traceback is None else "".join(f"\n    {escape_controls(part)}" for part in traceback.splitlines())
    return line + below
