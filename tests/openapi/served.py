"""The service on a real port, in the loop of its test, for clients that run in threads."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, contextmanager

from uvicorn import Config, Server

from app.foundation.http_protocol import BoundedProtocol
from app.main import create_app
from app.wiring import Services


class LoopServer(Server):
    """uvicorn's server without its signal handlers: the process is the test's."""

    @contextmanager
    def capture_signals(self):
        yield


@asynccontextmanager
async def served(services: Services) -> AsyncIterator[str]:
    """Serve with the protocol that production has; yields the address."""
    app = create_app(services=services)
    config = Config(app, http=BoundedProtocol, ws="none", lifespan="on", log_config=None, access_log=False)
    server = LoopServer(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            while not server.started:
                assert not serving.done(), "the server did not start"
                await asyncio.sleep(0.01)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving
