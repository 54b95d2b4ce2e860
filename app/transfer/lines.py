"""Lines out of a stream of bytes, in constant memory."""

from collections.abc import AsyncIterator

from app.transfer.line import MAX_LINE_BYTES


async def split(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes | None]:
    """The lines of a stream without their ends; None for one that is longer than 64 kB, whose bytes are let go.

    What follows the last line end is a line too, unless it is nothing.
    """
    rest = bytearray()
    too_long = False
    async for chunk in chunks:
        start = 0
        while (end := chunk.find(b"\n", start)) >= 0:
            if too_long or len(rest) + end - start > MAX_LINE_BYTES:
                yield None
            else:
                yield bytes(rest) + chunk[start:end]
            rest.clear()
            too_long = False
            start = end + 1
        if not too_long:
            rest += chunk[start:]
            too_long = len(rest) > MAX_LINE_BYTES
            if too_long:
                rest.clear()
    if too_long:
        yield None
    elif rest:
        yield bytes(rest)
