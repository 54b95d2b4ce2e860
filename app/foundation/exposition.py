"""Shows the metrics at `/metrics`, on a port of their own that no proxy leads to.

One process shows what it holds in memory. Of several processes behind one socket their supervisor shows the sum: each
writes files into a folder that ends with the supervisor, and what an ended process counted is added to one file.
"""

import contextlib
import socket
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import Metric
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from app.foundation.errors import StartupRefused
from app.foundation.metrics import REGISTRY

PATH = "/metrics"
# Read by the library when it is imported, hence only in processes that are started with it.
FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_ENDED = "ended"
# Whoever asks and does not go on keeps a thread no longer than this.
_REQUEST_SECONDS = 5.0

Exposition = Callable[[], bytes]


def own_metrics() -> bytes:
    """The metrics of this process in Prometheus' text format."""
    return generate_latest(REGISTRY)


class SharedMetrics(Collector):
    """The metrics of several processes, by the files that they write into `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._turn = threading.Lock()

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs in its environment to take part."""
        return {FOLDER_VARIABLE: str(self.folder)}

    def text(self) -> bytes:
        """The metrics of all processes together."""
        registry = CollectorRegistry()
        with self._turn:
            registry.register(self)
            return generate_latest(registry)

    def collect(self) -> Iterable[Metric]:
        """Every metric, as the library wants it. A file that a process is about to begin is still empty."""
        files = [str(path) for path in sorted(self.folder.glob("*.db")) if path.stat().st_size]
        merged: Iterable[Metric] = MultiProcessCollector.merge(files)  # type: ignore[no-untyped-call]  # left untyped
        return merged

    def forget(self, pid: int) -> None:
        """Add what an ended process counted to what the ended ones before it did, and remove its files.

        How things stood with it is dropped. Counts must not go back, or every rate would show a peak.
        """
        with self._turn:
            for path in self.folder.glob(f"*_{pid}.db"):
                kind = path.name.split("_")[0]
                if kind != "gauge":
                    self._keep(path, self.folder / f"{kind}_{_ENDED}.db")
                path.unlink()

    @staticmethod
    def _keep(path: Path, into: Path) -> None:
        kept = MmapedDict(str(into))  # type: ignore[no-untyped-call]  # as above
        try:
            for key, value, _, _ in MmapedDict.read_all_values_from_file(str(path)):  # type: ignore[no-untyped-call]
                kept.write_value(key, kept.read_value(key)[0] + value, 0.0)  # type: ignore[no-untyped-call]
        finally:
            kept.close()  # type: ignore[no-untyped-call]


@contextlib.contextmanager
def showing(
    host: str, port: int | None, exposition: Exposition = own_metrics, *, setting: str = "METRICS__PORT"
) -> Iterator[None]:
    """Show the metrics while the block runs; nowhere where `port` is None. `setting` is what named the port.

    Raises StartupRefused.
    """
    if port is None:
        yield
        return
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        server = _Server((host, port), partial(_Handler, exposition), family)
    except OSError as error:
        words = f"{setting}: port {port} on {host} cannot be used: {error.strerror}."
        raise StartupRefused(words) from error
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="metrics", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextlib.contextmanager
def shared(port: int | None) -> Iterator[SharedMetrics | None]:
    """A folder for the metrics of several processes, gone after the block; None where they are not shown."""
    if port is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="auth-service-metrics-", ignore_cleanup_errors=True) as folder:
        yield SharedMetrics(Path(folder))


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # Threads end by themselves within seconds; nobody waits for a scrape when a process stops.
    block_on_close = False

    def __init__(self, address: tuple[str, int], handler: "partial[_Handler]", family: socket.AddressFamily) -> None:
        self.address_family = family
        super().__init__(address, handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """A scrape that breaks off is nobody's fault and needs no traceback."""


class _Handler(BaseHTTPRequestHandler):
    timeout = _REQUEST_SECONDS
    server_version, sys_version = "auth-service", ""

    def __init__(
        self, exposition: Exposition, request: socket.socket, address: tuple[str, int], server: _Server
    ) -> None:
        self._exposition = exposition
        super().__init__(request, address, server)

    def do_GET(self) -> None:
        """The metrics, or nothing."""
        if urlsplit(self.path).path != PATH:
            self._answer(HTTPStatus.NOT_FOUND, "text/plain; charset=utf-8", b"see /metrics\n")
            return
        self._answer(HTTPStatus.OK, CONTENT_TYPE_LATEST, self._exposition())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 — the base class names it
        """Scrapes are no news."""

    def _answer(self, status: HTTPStatus, media_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(body)
