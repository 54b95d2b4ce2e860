"""A terminal at the end of a stream, and what was written to it."""

import contextlib
import os
import threading
from collections.abc import Iterator
from typing import TextIO

_SECONDS = 60
# Ends what was written so far; programs write none.
_MARK = "\x00"


class Terminal:
    """`stream` is a terminal by every test that a program may make; `shown` is what came there."""

    def __init__(self) -> None:
        self._controller, writer = os.openpty()
        self.stream: TextIO = os.fdopen(writer, "w", encoding="utf-8")
        self._read = b""
        self._more = threading.Condition()
        # A terminal holds four kilobytes, and whoever writes waits for its reader.
        self._reader = threading.Thread(target=self._keep_reading)
        self._reader.start()

    @property
    def shown(self) -> str:
        """What came since the last look."""
        self.stream.write(_MARK)
        self.stream.flush()
        with self._more:
            assert self._more.wait_for(lambda: _MARK.encode() in self._read, _SECONDS)
            read, self._read = self._read, b""
        return read.decode().removesuffix(_MARK).replace("\r\n", "\n")

    def close(self) -> None:
        self.stream.close()
        self._reader.join(_SECONDS)
        os.close(self._controller)

    def _keep_reading(self) -> None:
        # It ends with an error once nobody holds the other end any more.
        with contextlib.suppress(OSError):
            while chunk := os.read(self._controller, 65_536):
                with self._more:
                    self._read += chunk
                    self._more.notify_all()


@contextlib.contextmanager
def terminal() -> Iterator[Terminal]:
    made = Terminal()
    try:
        yield made
    finally:
        made.close()
