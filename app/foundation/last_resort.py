"""What is left where nothing else has caught an exception."""

import logging
from collections.abc import Awaitable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.foundation.errors import StartupRefused, Unavailable
from app.foundation.problems import internal_error, render

_logger = logging.getLogger(__name__)


class LastResort:
    """ASGI middleware: an unexpected exception becomes a 500 that tells nothing, and an entry that tells all.

    Where memory ran out, it is a 503 that may be tried again.
    A start that is refused ends in its words instead of a traceback.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
            return
        answered = False

        def note(message: Message) -> Awaitable[None]:
            nonlocal answered
            answered = True
            return send(message)

        try:
            await self._app(scope, receive, note)
        except Exception as error:
            if answered:
                # Too late for another answer: the server cuts the connection, so that none takes it for whole.
                raise
            if isinstance(error, MemoryError):
                # No fault of the request's: others that are going on will soon have given some back.
                _logger.warning("there was no memory to serve a request with")
                await render(scope, Unavailable(detail="out of memory"))(scope, receive, send)
                return
            _logger.exception("an unexpected exception: %s", type(error).__name__)
            await internal_error(scope)(scope, receive, send)

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_without_traceback(message: Message) -> None:
            if message["type"] != "lifespan.startup.failed":
                await send(message)

        try:
            await self._app(scope, receive, send_without_traceback)
        except StartupRefused as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
        except Unavailable as error:
            words = f"An engine that the start needs does not answer; is DATABASE__URL right? ({error})"
            await send({"type": "lifespan.startup.failed", "message": words})
        except Exception:
            _logger.exception("the application cannot start")
            await send({"type": "lifespan.startup.failed", "message": ""})
