"""Runs the application's web processes: uvicorn on uvloop and httptools, drained before it stops.

On SIGTERM or SIGINT a process first says at /health/ready that it is going, serves on for the drain time, then stops
accepting and finishes what is in flight. A second signal ends the wait.
"""

import logging
import signal
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from uvicorn import Config, Server
from uvicorn.config import STARTUP_FAILURE
from uvicorn.importer import import_from_string

from app.foundation.draining import STATE_KEY, Drain
from app.foundation.errors import StartupRefused
from app.foundation.garbage import settle, uncollected
from app.foundation.http_protocol import BoundedProtocol
from app.foundation.logs import configure_logs

BACKLOG = 2048

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """How to serve. `application` names a factory as `module:function`; with `uds` neither host nor port count."""

    application: str
    host: str = "127.0.0.1"
    port: int = 8000
    uds: Path | None = None
    drain_seconds: float = 0.0
    shutdown_seconds: int = 20
    keep_alive_seconds: int = 75
    development: bool = False

    @property
    def address(self) -> str:
        """Where it listens, for messages."""
        return str(self.uds) if self.uds is not None else f"http://{self.host}:{self.port}"


class DrainingServer(Server):
    """uvicorn's server with a drain before its shutdown.

    One that `follows_parent` leaves the keyboard's SIGINT to its parent, which tells it what to do.
    """

    def __init__(self, config: Config, *, drain_seconds: float, follows_parent: bool) -> None:
        super().__init__(config)
        self._drain_seconds = drain_seconds
        self._follows_parent = follows_parent
        self._leaves_at: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 — the base class names it
        """Begin to drain; on a further signal stop at once, and on one more give up what is in flight."""
        if self._follows_parent and sig == signal.SIGINT:
            return
        if self._leaves_at is None and self.started:
            drain = self.lifespan.state.get(STATE_KEY)
            if isinstance(drain, Drain):
                drain.active = True
            self._leaves_at = time.monotonic() + self._drain_seconds
        elif not self.should_exit:
            self.should_exit = True
        elif sig == signal.SIGINT:
            self.force_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the application, then look for garbage only in what comes after."""
        await super().startup(sockets)
        settle()

    async def on_tick(self, counter: int) -> bool:
        """Leave once the drain is over."""
        if self._leaves_at is not None and time.monotonic() >= self._leaves_at:
            self.should_exit = True
        return await super().on_tick(counter)


def import_ahead(application: str) -> None:
    """Import what `application` names, for who has to wait before it can be served."""
    with uncollected():
        import_from_string(application)


def serve(options: ServerOptions, *, listener: socket.socket | None = None) -> int:
    """Serve in this process until a signal; return the exit status. `listener` is bound and shared with others."""
    configure_logs(development=options.development)
    config = Config(
        options.application,
        factory=True,
        host=options.host,
        port=options.port,
        uds=str(options.uds) if options.uds is not None else None,
        loop="uvloop",
        http=BoundedProtocol,
        # Nothing here speaks websocket; without the module uvicorn serves such a request as the plain one it also is.
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        # The edge reads forwarded headers by TRUSTED_PROXIES; uvicorn would believe any peer on loopback.
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=options.keep_alive_seconds,
        timeout_graceful_shutdown=options.shutdown_seconds,
        backlog=BACKLOG,
    )
    server = DrainingServer(config, drain_seconds=options.drain_seconds, follows_parent=listener is not None)
    try:
        with uncollected():
            config.load()
        server.run([listener] if listener is not None else None)
    except StartupRefused as error:
        _logger.error("%s", error)  # noqa: TRY400 — its words say all; a traceback would bury them
        return STARTUP_FAILURE
    except SystemExit as stop:
        # uvicorn leaves so when the application or its address fails; it has said why.
        return stop.code if isinstance(stop.code, int) else 1
    return 0
