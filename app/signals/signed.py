"""A signed batch as it goes out: made once, compressed once, however many followers it goes to."""

import zlib

_EVENT = b"id: %b\nevent: revocations\ndata: %b\n\n"


class SignedBatch:
    """A signed batch, and the cursor of who has read it."""

    __slots__ = ("_compressed", "_event", "cursor", "token")

    def __init__(self, token: bytes, cursor: str) -> None:
        self.token = token
        self.cursor = cursor
        self._event: bytes | None = None
        self._compressed: bytes | None = None

    @property
    def event(self) -> bytes:
        """The batch as a server-sent event."""
        if self._event is None:
            self._event = _EVENT % (self.cursor.encode("ascii"), self.token)
        return self._event

    @property
    def compressed(self) -> bytes:
        """The same as a part of any deflated stream, see `compressed_part`."""
        if self._compressed is None:
            self._compressed = compressed_part(self.event)
        return self._compressed


def compressed_part(content: bytes) -> bytes:
    """A part of a deflated stream that ends at a byte and looks back to nothing, so that parts can be put together.

    A compressor for each follower would cost it 256 kB, and each batch its time once for each. Spec: RFC 1951 §3.2.
    """
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(content) + packer.flush(zlib.Z_FULL_FLUSH)


class GzipFrame:
    """What stands around the parts of one follower's stream. Spec: RFC 1952 §2.3."""

    __slots__ = ("_check", "_size")

    HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"

    def __init__(self) -> None:
        self._check = 0
        self._size = 0

    @property
    def is_new(self) -> bool:
        """Whether nothing was added yet: the head comes first."""
        return self._size == 0

    def add(self, content: bytes) -> None:
        """Note what a part holds."""
        self._check = zlib.crc32(content, self._check)
        self._size += len(content)

    def tail(self) -> bytes:
        """The end of the stream: an empty last part, and what the reader checks by."""
        size = self._size & 0xFFFFFFFF
        return b"\x03\x00" + self._check.to_bytes(4, "little") + size.to_bytes(4, "little")
