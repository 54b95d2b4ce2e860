"""One development instance at work: which processes it has, with what environment, in which order."""

import asyncio
import contextlib
import http.client
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from typing import BinaryIO

from app.cli.data_folder import PROJECT, DataFolder
from app.cli.environment import environment_for, prepare_instance, start_python
from app.cli.panel import Panel
from app.cli.servers import own_servers
from app.foundation.engines.errors import EngineError
from app.foundation.engines.instance import AlreadyRunning, Instance
from app.foundation.engines.lock import Engines
from app.foundation.engines.processes import Child

EXAMPLES = {"orders-api": "examples.orders_api.main:app", "billing-api": "examples.billing_api.main:app"}

LOOPBACK = "127.0.0.1"
# The service at 8000 shows its metrics at 9464, where OpenTelemetry's exporters for Prometheus do.
_TO_METRICS_PORT = 1464

# The service drains within limits of its own, which are shorter than this.
_STOP_SERVICE = ((signal.SIGTERM, 30.0), (signal.SIGKILL, 5.0))
# It finishes the jobs in hand, which wait for a mail server at most.
_STOP_WORKER = ((signal.SIGTERM, 30.0), (signal.SIGKILL, 5.0))
_STOP_EXAMPLE = ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0))
# A command that works on the stopped instance holds it for a moment; it is let finish.
_HELD_SECONDS = 10.0
_READY_SECONDS = 60.0
_EXAMPLES_SECONDS = 10.0
_POLL_SECONDS = 0.02


class Development:
    """The services of a development instance: the authentication service, and the examples beside it.

    `examples` are left out where their folder is not there, as when this was installed from a wheel.
    """

    def __init__(self, folder: DataFolder, *, host: str, port: int, demo: bool, examples: bool) -> None:
        self.folder = folder
        self.host = host
        self.url = f"http://localhost:{port}"
        self._port = port
        self._demo = demo
        self._metrics_port = _metrics_port(port)
        self._has_examples = examples and (PROJECT / "examples").is_dir()
        own = own_servers()
        self._instance = Instance(folder.path, database_url=own.database_url, redis_url=own.redis_url)
        self._admin_password: str | None = None
        self._clients: dict[str, dict[str, str]] = {}
        self._service: Child | None = None
        self._worker: Child | None = None
        self._examples: list[Child] = []

    @property
    def ports(self) -> tuple[int, ...]:
        """Every port that the services listen on."""
        count = 1 + len(EXAMPLES) if self._has_examples else 1
        return tuple(range(self._port, self._port + count))

    @property
    def has_demo(self) -> bool:
        """Whether demo accounts exist or are about to be made."""
        notes = self.folder.read()
        return self._demo or (notes is not None and notes.demo)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Start everything; the block begins when the authentication service is ready, and its end stops them all.

        The service is started first and waits for its environment: while the engines start it imports, which is
        most of what there is to wait for. The end stops the examples before the service that they call, and that
        before the engines.
        """
        with contextlib.ExitStack() as stack:
            stack.callback(self._instance.stop)
            told = self._start_service(stack)
            engines = self._start_engines()
            notes = asyncio.run(prepare_instance(self.folder, engines, url=self.url, demo=self._demo))
            self._admin_password = notes.admin_password if self._demo else None
            self._clients = notes.clients
            environment = environment_for(engines, notes) | {"METRICS__PORT": str(self._metrics_port)}
            environment |= self._cors()
            told.write(json.dumps(environment).encode())
            told.close()
            self._wait_until_ready()
            # Last, so that nobody waits for their imports.
            self._start_worker(stack, environment)
            if self._has_examples:
                stack.callback(self._stop_examples)
                self._start_examples()
            yield

    def wait_for_examples(self) -> None:
        """Wait until the examples answer, and no longer than some seconds: they are only examples."""
        deadline = time.monotonic() + _EXAMPLES_SECONDS
        waiting = list(self.ports[1:])
        while waiting and time.monotonic() < deadline and all(child.is_running for child in self._examples):
            waiting = [port for port in waiting if not _answers(LOOPBACK, port, "/openapi.json")]
            time.sleep(_POLL_SECONDS)

    def panel(self) -> Panel:
        """What to show of it."""
        orders, billing = (f"http://localhost:{self._port + n}" if self._has_examples else None for n in (1, 2))
        return Panel(
            url=self.url,
            orders_url=orders,
            billing_url=billing,
            metrics_url=f"http://localhost:{self._metrics_port}/metrics",
            admin_password=self._admin_password,
            data_dir=self.folder.path,
        )

    def check(self) -> None:
        """Raise EngineError if an engine or the service has ended; warn once of an example that has."""
        self._instance.check()
        if self._service is not None and not self._service.is_running:
            raise EngineError(self._service.last_words())
        if self._worker is not None and not self._worker.is_running:
            raise EngineError(self._worker.last_words())
        for child in [child for child in self._examples if not child.is_running]:
            print(f"warning: {child.last_words()}", file=sys.stderr, flush=True)
            self._examples.remove(child)

    def _start_service(self, stack: contextlib.ExitStack) -> BinaryIO:
        """Start the service and return the pipe by which it is told its environment."""
        reading, writing = os.pipe()
        told = stack.enter_context(os.fdopen(writing, "wb"))
        address = ["--host", self.host, "--port", str(self._port)]
        try:
            self._service = start_python(
                self.folder,
                "auth-service",
                ["-m", "app.cli", "serve", *address, "--environment-from", str(reading)],
                environment=dict(os.environ),
                stop=_STOP_SERVICE,
                pass_files=(reading,),
            )
        finally:
            os.close(reading)
        stack.callback(self._service.stop)
        return told

    def _start_worker(self, stack: contextlib.ExitStack, environment: dict[str, str]) -> None:
        arguments = ["-m", "app.cli", "worker"]
        self._worker = start_python(self.folder, "worker", arguments, environment=environment, stop=_STOP_WORKER)
        stack.callback(self._worker.stop)

    def _cors(self) -> dict[str, str]:
        """The pages of the examples may sign in here: their `/docs` has a form for it."""
        if "CORS__ORIGINS" in os.environ or not self._has_examples:
            return {}
        first = self._port + 1
        ports = range(first, first + len(EXAMPLES))
        return {
            "CORS__ORIGINS": ",".join(f"http://{host}:{port}" for port in ports for host in ("localhost", LOOPBACK))
        }

    def _start_engines(self) -> Engines:
        deadline = time.monotonic() + _HELD_SECONDS
        while True:
            try:
                return self._instance.start()
            except AlreadyRunning:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_POLL_SECONDS)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        # Where it listens on every address, one of them is asked.
        host = {"0.0.0.0": LOOPBACK, "::": "::1"}.get(self.host, self.host)  # noqa: S104 — compared, not bound
        while not _answers(host, self._port, "/health/ready"):
            self.check()
            if time.monotonic() > deadline and self._service is not None:
                raise EngineError(self._service.last_words())
            time.sleep(_POLL_SECONDS)

    def _start_examples(self) -> None:
        environment = dict(os.environ) | {"AUTH_BASE_URL": self.url}
        for port, (name, application) in zip(self.ports[1:], EXAMPLES.items(), strict=True):
            arguments = ["-m", "uvicorn", application, "--host", LOOPBACK, "--port", str(port)]
            own = environment | self._clients.get(name, {})
            child = start_python(self.folder, name, arguments, environment=own, stop=_STOP_EXAMPLE)
            self._examples.append(child)

    def _stop_examples(self) -> None:
        for child in self._examples:
            child.ask_to_stop()
        for child in self._examples:
            child.stop()


def _metrics_port(port: int) -> int:
    """The port that METRICS__PORT names; else one that goes with the service's, or any that is free."""
    given = os.environ.get("METRICS__PORT", "")
    if given.isdecimal():
        return int(given)
    wanted = port + _TO_METRICS_PORT
    with contextlib.suppress(OSError, OverflowError), socket.create_server((LOOPBACK, wanted)):
        return wanted
    with socket.create_server((LOOPBACK, 0)) as free:
        chosen: int = free.getsockname()[1]
        return chosen


def _answers(host: str, port: int, path: str) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
