"""Going down without losing a request."""

from dataclasses import dataclass

STATE_KEY = "drain"
"""Under this key the application hands its `Drain` to the server, in the state of ASGI's lifespan."""


@dataclass(slots=True)
class Drain:
    """Whether the process is about to stop: it still serves, and asks to be sent no more."""

    active: bool = False
