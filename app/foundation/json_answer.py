"""JSON answers of hot endpoints."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_core import to_json
from starlette.responses import JSONResponse

from app.foundation.steady_headers import JSON, PRAGMA, Header

NOT_KEPT: Sequence[Header] = (PRAGMA,)
"""For whatever tells of a token, beside the edge's `Cache-Control: no-store`. Spec: RFC 6749 §5.1."""


class JSONAnswer(JSONResponse):
    """The same answer as the library's own, written in a fifth of the time. `also` are headers as they are sent."""

    def __init__(self, content: Any, *, also: Sequence[Header] = ()) -> None:
        self._also = also
        super().__init__(content)

    def render(self, content: Any) -> bytes:
        """The value as JSON without blanks, in UTF-8."""
        return to_json(content)

    def init_headers(self, headers: Mapping[str, str] | None = None) -> None:  # noqa: ARG002 — the base class names it
        """Length and type, and what else is said."""
        self.raw_headers = [(b"content-length", b"%d" % len(self.body)), JSON, *self._also]
