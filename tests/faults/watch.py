"""A second client that asks the same question all the time, apart from the crowd whose effect it watches."""

import http.client
import threading
import time
from typing import Self

_PAUSE_SECONDS = 0.01


class Watch:
    """Asks for `path` on one kept connection, from a thread, and notes how long each answer took."""

    def __init__(self, port: int, path: str) -> None:
        self.seconds: list[float] = []
        self.statuses: set[int] = set()
        self._port = port
        self._path = path
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask, name="watch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(30)

    def share(self, share: float) -> float:
        """The time within which that share of the answers came."""
        times = sorted(self.seconds)
        return times[min(len(times) - 1, int(len(times) * share))]

    def _ask(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        try:
            while not self._over.wait(_PAUSE_SECONDS):
                started = time.monotonic()
                connection.request("GET", self._path)
                answer = connection.getresponse()
                answer.read()
                self.seconds.append(time.monotonic() - started)
                self.statuses.add(answer.status)
        finally:
            connection.close()
