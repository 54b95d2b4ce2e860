"""The real engines and the real service, as a deployment would start them, and people who use it over HTTP."""

import asyncio
import base64
import contextlib
import json
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import asyncpg
import httpx2
import redis

from app.foundation.engines.instance import FOLDER_NAME, Instance
from app.foundation.engines.lock import Engines
from app.foundation.engines.postgres import LOG_NAME, SUPERUSER
from bench.apps import AUDIENCE
from bench.processes import BenchError, Process, python, running

PASSWORD = "correct horse battery staple"
# Longer than any run, so that what is measured is never an expired token.
_TOKEN_SECONDS = 3600
# The same audience once for each algorithm: the guarded service knows only the first.
BY_ALGORITHM = {"RS256": AUDIENCE, "ES256": f"{AUDIENCE}-es256", "EdDSA": f"{AUDIENCE}-eddsa"}


@dataclass(frozen=True, slots=True)
class Backend:
    """Running engines with a migrated database. `postgres_pid` is the root of the database's processes."""

    folder: Path
    engines: Engines
    postgres_pid: int
    postgres_log: Path
    encryption_key: str

    @property
    def dsn(self) -> str:
        """The service's database, for asyncpg."""
        return self.engines.database_url.replace("postgresql+asyncpg", "postgresql", 1)

    def as_superuser(self, statement: str) -> None:
        """Run a statement that the service's own role may not."""

        async def run() -> None:
            sockets = unquote(self.engines.database_url.partition("?host=")[2])
            connection = await asyncpg.connect(user=SUPERUSER, database=SUPERUSER, host=sockets)
            try:
                for part in statement.split(";"):
                    await connection.execute(part)
            finally:
                await connection.close()

        asyncio.run(run())

    def forget_limits(self) -> None:
        """Let nobody be slowed any more for what was tried before."""
        with redis.Redis.from_url(self.engines.redis_url) as valkey:
            valkey.flushdb()

    def settings(self, port: int) -> dict[str, str]:
        """The environment of a web process in production."""
        declared = [
            {
                "name": name,
                "scopes": {"orders:read": None, "orders:write": "orders:write"},
                "claims": ["email"],
                "signing_algorithm": algorithm,
                "access_token_seconds": _TOKEN_SECONDS,
            }
            for algorithm, name in BY_ALGORITHM.items()
        ]
        return {
            "ENVIRONMENT": "production",
            "PUBLIC_URL": f"http://127.0.0.1:{port}",
            "DATABASE__URL": self.engines.database_url,
            "REDIS__URL": self.engines.redis_url,
            "ENCRYPTION__KEYS": self.encryption_key,
            "ACCOUNTS__HIDE_EXISTENCE": "false",
            "AUDIENCES__DECLARED": json.dumps(declared),
            "HTTP__DRAIN_SECONDS": "0",
            # The load comes from one address.
            "LIMITS__LOGIN_PER_ACCOUNT": "1000000",
            "LIMITS__LOGIN_PER_ADDRESS": "1000000",
            "LIMITS__SIGNUP_PER_ADDRESS": "1000000",
            "LIMITS__MAIL_PER_MAILBOX": "10000",
            "LIMITS__LOGIN_FAILURES": "1000000",
            "LIMITS__SPRAYING_ACCOUNTS": "1000000",
            "LIMITS__SPRAYING_ACCOUNTS_PER_NETWORK": "1000000",
        }


@contextlib.contextmanager
def backend(folder: Path) -> Iterator[Backend]:
    """Postgres as durable as in production, and Valkey, migrated; stopped afterwards."""
    data = folder / "data"
    with Instance(data, durable=True) as instance:
        engines = instance.start()
        if instance.postgres is None or instance.postgres.engine is None:
            raise BenchError("the embedded Postgres does not run")
        key = base64.urlsafe_b64encode(os.urandom(32)).decode()
        log = data / FOLDER_NAME / LOG_NAME
        made = Backend(folder, engines, instance.postgres.engine.pid, log, key)
        with running(
            python("-m", "app.cli", "migrate"), core=None, folder=folder, env=made.settings(free_port())
        ) as child:
            if child.wait(60) != 0:
                raise BenchError(f"the schema was not made:\n{child.last_words()}")
        yield made


class Service:
    """One running web process."""

    def __init__(self, process: Process, port: int, backend: Backend) -> None:
        self.pid = process.pid
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.backend = backend
        self._client = httpx2.Client(base_url=self.url, timeout=30, trust_env=False)

    def post(self, path: str, body: object) -> dict[str, Any]:
        """A request that has to succeed. Raises BenchError."""
        answer = self._client.post(path, json=body)
        if not answer.is_success:
            raise BenchError(f"POST {path}: {answer.status_code} {answer.text}")
        result: dict[str, Any] = answer.json()
        return result

    def get(self, path: str, token: str) -> None:
        """A request that has to succeed. Raises BenchError."""
        answer = self._client.get(path, headers={"authorization": f"Bearer {token}"})
        if not answer.is_success:
            raise BenchError(f"GET {path}: {answer.status_code} {answer.text}")

    def sign_up(self, email: str) -> None:
        self.post("/auth/signup", {"email": email, "password": PASSWORD})

    def log_in(self, email: str, *, algorithm: str) -> dict[str, Any]:
        """Sign in for the audience whose tokens are of that algorithm; the token response."""
        return self.post("/auth/login", login_body(email, algorithm=algorithm))

    def close(self) -> None:
        self._client.close()


def login_body(email: str, *, algorithm: str) -> dict[str, str]:
    """What a sign-in says."""
    return {"email": email, "password": PASSWORD, "audience": BY_ALGORITHM[algorithm]}


@contextlib.contextmanager
def service(backend: Backend, *, core: int | None, env: dict[str, str] | None = None) -> Iterator[Service]:
    """`auth-service serve` with one process, pinned, for the time of a block; `env` has settings besides."""
    port = free_port()
    command = python("-m", "app.cli", "serve", "--port", str(port))
    with running(command, core=core, folder=backend.folder, env=backend.settings(port) | (env or {})) as process:
        process.wait_until(lambda: answers(f"http://127.0.0.1:{port}/health/ready"))
        started = Service(process, port, backend)
        try:
            yield started
        finally:
            started.close()


@contextlib.contextmanager
def application(
    factory: str, *, core: int | None, folder: Path, env: dict[str, str], interpreter: Path | None = None
) -> Iterator[tuple[int, int]]:
    """One ASGI application under uvicorn, as fast as that goes; yields its process id and port."""
    port = free_port()
    fast = ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"]
    command = python("-m", "uvicorn", *fast, "--port", str(port), "--factory", factory, interpreter=interpreter)
    with running(command, core=core, folder=folder, env=env) as process:
        process.wait_until(lambda: _listens(port))
        yield process.pid, port


def answers(url: str) -> bool:
    """Whether a GET is answered by 200."""
    try:
        return httpx2.get(url, timeout=2, trust_env=False).status_code == 200
    except httpx2.HTTPError:
        return False


def free_port(count: int = 1) -> int:
    """The first of `count` ports in a row that nobody listens on."""
    while True:
        with socket.socket() as first:
            first.bind(("127.0.0.1", 0))
            port: int = first.getsockname()[1]
        if port + count <= 65_535 and not any(_listens(port + number) for number in range(count)):
            return port


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
