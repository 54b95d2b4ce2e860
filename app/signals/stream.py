"""Server-sent events, compressed for who takes that. Spec: WHATWG HTML §9.2."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.foundation.draining import Drain
from app.signals.signed import GzipFrame, SignedBatch, compressed_part

MAX_STREAM_SECONDS = 900
"""After so long a stream ends: the follower comes again, with its cursor and its credentials."""
SEND_SECONDS = 10.0
"""Who takes nothing for so long is gone, or so slow that it had better begin again."""

_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", "Vary": "Accept-Encoding"}
_RETRY = b"retry: 1000\n\n"
_COMPRESSED_RETRY = compressed_part(_RETRY)


class BatchStream(Response):
    """An answer that goes on until its follower, the process or its time goes. With `gzip` it is compressed so."""

    media_type = "text/event-stream"

    def __init__(
        self,
        first: Sequence[SignedBatch],
        rest: AsyncGenerator[list[SignedBatch], None],
        drain: Drain,
        *,
        gzip: bool,
    ) -> None:
        super().__init__(headers=_HEADERS | ({"Content-Encoding": "gzip"} if gzip else {}))
        del self.headers["content-length"]
        self._first = first
        self._rest = rest
        self._drain = drain
        self._frame = GzipFrame() if gzip else None
        self._sending_since: float | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 — ASGI's
        """Send the batches as they come."""
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + MAX_STREAM_SECONDS
        gone = loop.create_task(_hung_up(receive))
        try:
            async with self._patience(loop):
                self._sending_since = loop.time()
                await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
                await send(_body(self._begin() + self._shown(self._first)))
                self._sending_since = None
                # Each second brings one: none of these is looked at later than that.
                async for batches in self._rest:
                    now = self._sending_since = loop.time()
                    if gone.done() or self._drain.active or now >= ends_at:
                        break
                    await send(_body(self._shown(batches)))
                    self._sending_since = None
                if not gone.done():
                    end = b"" if self._frame is None else self._frame.tail()
                    await send({"type": "http.response.body", "body": end, "more_body": False})
        except TimeoutError:
            # The server cuts a connection whose answer was not ended.
            return
        finally:
            gone.cancel()
            await self._rest.aclose()

    @asynccontextmanager
    async def _patience(self, loop: asyncio.AbstractEventLoop) -> AsyncGenerator[None, None]:
        """Raise TimeoutError once a write has waited `SEND_SECONDS`.

        One look in that time, at each stream. A timer for each write would be a sixth of what a follower costs.
        """
        async with asyncio.timeout(None) as timeout:
            looks: list[asyncio.TimerHandle] = []

            def look() -> None:
                now = loop.time()
                due_at = (now if self._sending_since is None else self._sending_since) + SEND_SECONDS
                if due_at <= now:
                    timeout.reschedule(now)
                else:
                    looks[:] = [loop.call_at(due_at, look)]

            looks.append(loop.call_later(SEND_SECONDS, look))
            try:
                yield
            finally:
                looks[0].cancel()

    def _begin(self) -> bytes:
        if self._frame is None:
            return _RETRY
        self._frame.add(_RETRY)
        return GzipFrame.HEAD + _COMPRESSED_RETRY

    def _shown(self, batches: Sequence[SignedBatch]) -> bytes:
        if self._frame is None:
            return b"".join(batch.event for batch in batches)
        for batch in batches:
            self._frame.add(batch.event)
        return b"".join(batch.compressed for batch in batches)


def _body(content: bytes) -> dict[str, object]:
    return {"type": "http.response.body", "body": content, "more_body": True}


async def _hung_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
