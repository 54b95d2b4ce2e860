"""Who is asking, for the log: one context variable, and a filter that writes it on every record.

The variable holds an object that exists anyway; names are put together only for a record that is written.
"""

import logging
from contextvars import ContextVar
from typing import NamedTuple

from auth_service_sdk.identity import Identity


class Decision(NamedTuple):
    """What was decided about a request, where it is not simply that `identity` may go on."""

    words: str
    identity: Identity | None = None


PUBLIC = Decision("public")
PREFLIGHT = Decision("preflight")

context: ContextVar[Identity | Decision | None] = ContextVar("auth_service_sdk", default=None)
"""Set by JWTAuthMiddleware while it serves a connection: an Identity was allowed, a Decision says what else was."""


def note_refusal(code: str) -> None:
    """Note that the current request is refused; whoever was known to ask stays known."""
    now = context.get()
    context.set(Decision(f"refused:{code}", now.identity if isinstance(now, Decision) else now))


def log_context() -> dict[str, str | None]:
    """Return `auth_sub`, `auth_kind`, `auth_client_id`, `auth_sid` and `auth_decision` of the current request.

    The decision is `allowed`, `refused:<code>`, `public` (no accepted token on a public path) or `preflight`. What is
    not known is None, outside a request all of it. Nothing in it is or contains a token.
    """
    now = context.get()
    if isinstance(now, Decision):
        words, identity = now
        return _named(identity, words)
    return _named(now, "allowed" if now is not None else None)


def _named(identity: Identity | None, decision: str | None) -> dict[str, str | None]:
    return {
        "auth_sub": identity.sub if identity is not None else None,
        "auth_kind": identity.kind.value if identity is not None else None,
        "auth_client_id": identity.client_id if identity is not None else None,
        "auth_sid": identity.sid if identity is not None else None,
        "auth_decision": decision,
    }


class AuthContextFilter(logging.Filter):
    """Writes `log_context()` on each record. Add it to handlers: a logger's own filter sees no child's records.

    `default` stands for what is not known: None suits JSON, `"-"` a line of text. With a QueueHandler, add it to
    that one; a record that carries the names already is left as it is.
    """

    def __init__(self, name: str = "", *, default: str | None = None) -> None:
        super().__init__(name)
        self._default = default

    def filter(self, record: logging.LogRecord) -> bool:
        """Write the names; drops no record unless the filter has a `name`, as in logging.Filter."""
        if not hasattr(record, "auth_decision"):
            for name, value in log_context().items():
                setattr(record, name, self._default if value is None else value)
        return bool(super().filter(record))
