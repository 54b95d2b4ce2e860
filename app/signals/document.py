"""Batches as one JSON document, compressed for who takes that, and sent as they are made: a snapshot may be large."""

import asyncio
from collections.abc import AsyncGenerator

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.signals.signed import GzipFrame, SignedBatch, compressed_part
from app.signals.stream import SEND_SECONDS

_HEADERS = {"Cache-Control": "no-store", "Vary": "Accept-Encoding"}
_PIECE_BYTES = 65_536


class BatchDocument(Response):
    """`{"batches": [token, …], "cursor": …}`, the cursor being that of the last batch."""

    media_type = "application/json"

    def __init__(self, first: SignedBatch, rest: AsyncGenerator[SignedBatch, None], *, gzip: bool) -> None:
        super().__init__(headers=_HEADERS | ({"Content-Encoding": "gzip"} if gzip else {}))
        del self.headers["content-length"]
        self._first = first
        self._rest = rest
        self._frame = GzipFrame() if gzip else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 — ASGI's
        """Send it in pieces. Who takes none for `SEND_SECONDS` is cut off."""
        try:
            await self._send(send)
        except TimeoutError:
            # The server cuts a connection whose answer was not ended.
            return
        finally:
            await self._rest.aclose()

    async def _send(self, send: Send) -> None:
        start = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        await send(start)
        piece, last = bytearray(b'{"batches":["' + self._first.token + b'"'), self._first
        async for batch in self._rest:
            piece += b',"' + batch.token + b'"'
            last = batch
            if len(piece) >= _PIECE_BYTES:
                await self._put(send, bytes(piece))
                piece.clear()
        await self._put(send, bytes(piece) + b'],"cursor":"' + last.cursor.encode("ascii") + b'"}')
        await send({"type": "http.response.body", "body": b"" if self._frame is None else self._frame.tail()})

    async def _put(self, send: Send, piece: bytes) -> None:
        body = piece
        if self._frame is not None:
            body = (GzipFrame.HEAD if self._frame.is_new else b"") + compressed_part(piece)
            self._frame.add(piece)
        async with asyncio.timeout(SEND_SECONDS):
            await send({"type": "http.response.body", "body": body, "more_body": True})
