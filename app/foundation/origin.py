"""Where a request came from, as services and the audit log see it."""

from dataclasses import dataclass

MAX_USER_AGENT_CHARACTERS = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The address, client program and trace of one request or command.

    `ip` is the client's own address once trusted proxies are taken off; `trace_id` has 32 hexadecimal digits.
    """

    ip: str | None
    user_agent: str | None
    trace_id: str
