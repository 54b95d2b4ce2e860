"""Server-sent events. Spec: WHATWG HTML §9.2."""

import asyncio
from collections.abc import AsyncGenerator

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.foundation.draining import Drain
from app.signals.service import SignedBatch

MAX_STREAM_SECONDS = 900
"""After so long a stream ends: the follower comes again, with its cursor and its credentials."""
SEND_SECONDS = 10.0
"""Who takes nothing for so long is gone, or so slow that it had better begin again."""

_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
_EVENT = "revocations"


class BatchStream(Response):
    """An answer that goes on until its follower, the process or its time goes."""

    media_type = "text/event-stream"

    def __init__(self, first: SignedBatch, rest: AsyncGenerator[SignedBatch, None], drain: Drain) -> None:
        super().__init__(headers=_HEADERS)
        del self.headers["content-length"]
        self._first = first
        self._rest = rest
        self._drain = drain

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 — ASGI's
        """Send the batches as they come."""
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + MAX_STREAM_SECONDS
        gone = loop.create_task(_hung_up(receive))
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
                await send(_body(b"retry: 1000\n\n" + _event(self._first)))
            # Each second brings one: none of these is looked at later than that.
            async for batch in self._rest:
                if gone.done() or self._drain.active or loop.time() >= ends_at:
                    break
                async with asyncio.timeout(SEND_SECONDS):
                    await send(_body(_event(batch)))
            if not gone.done():
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        except TimeoutError:
            # The server cuts a connection whose answer was not ended.
            return
        finally:
            gone.cancel()
            await self._rest.aclose()


def _body(content: bytes) -> dict[str, object]:
    return {"type": "http.response.body", "body": content, "more_body": True}


def _event(batch: SignedBatch) -> bytes:
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (batch.cursor.encode("ascii"), _EVENT.encode("ascii"), batch.token)


async def _hung_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
