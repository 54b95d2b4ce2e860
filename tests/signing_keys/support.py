"""Processes that share a database of keys, and what became of its rows."""

import asyncio
import base64
import json
import os
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
from sqlalchemy import text

from app.audit.event import Actor, ActorKind
from app.audit.service import AuditLog
from app.foundation.clock import Clock
from app.foundation.db import Database
from app.foundation.encryption import Keyring
from app.foundation.ids import new_id
from app.foundation.origin import Origin
from app.protocols.jose.algorithms import Algorithm
from app.signing_keys import store
from app.signing_keys.keyset import KeyState
from app.signing_keys.material import KeyMaterial, generate, seal
from app.signing_keys.rotate import Rotation
from app.signing_keys.service import SigningKeys
from app.signing_keys.settings import KeySettings

ISSUER = "http://localhost:8000"
OPERATOR = Actor(ActorKind.OPERATOR, "root")
KEYRING_BYTES = os.urandom(32)
KEYRING_VARIABLE = base64.urlsafe_b64encode(KEYRING_BYTES).decode()
ORIGIN = Origin(ip=None, user_agent=None, trace_id="0" * 32)


def sibling(url: str, name: str) -> str:
    base, _, query = url.partition("?")
    return f"{base.rpartition('/')[0]}/{name}?{query}"


async def execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url.replace("postgresql+asyncpg", "postgresql", 1))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@dataclass
class Deployment:
    """Processes that share one database and one clock, each with connections and a memory of its own."""

    url: str
    stack: AsyncExitStack
    clock: Clock = field(default_factory=Clock)
    keyring: Keyring = field(default_factory=lambda: Keyring([KEYRING_BYTES]))

    async def process(
        self, settings: KeySettings | None = None, *, keyring: Keyring | None = None, loaded: bool = True
    ) -> SigningKeys:
        db = self.database()
        await db.open()
        keys = SigningKeys(db, self.clock, keyring or self.keyring, AuditLog(self.clock), settings or KeySettings())
        if loaded:
            await keys.load()
        return keys

    def database(self) -> Database:
        db = Database(self.url, pool_size=4)
        self.stack.push_async_callback(db.close)
        return db

    def pass_time(self, seconds: float) -> None:
        self.clock.offset += timedelta(seconds=seconds)

    def claims(self, **changes: object) -> dict[str, object]:
        """The claims of an honest access token."""
        now = int(self.clock.now().timestamp())
        return {"iss": ISSUER, "sub": "u-1", "aud": "orders-api", "iat": now, "exp": now + 600} | changes

    async def plant_key(self, *, state: str) -> KeyMaterial:
        """What someone could add who writes to the database and has no encryption key of ours."""
        material = await generate(Algorithm.RS256)
        async with self.database().transaction() as tx:
            now = self.clock.now()
            await store.add(
                tx,
                row_id=new_id(now),
                kid=material.kid,
                algorithm=Algorithm.RS256,
                state=KeyState(state),
                public_jwk=material.public_jwk,
                sealed=seal(material, Keyring([os.urandom(32)])),
                now=now,
            )
        return material

    async def rows(self, statement: str) -> list[dict[str, Any]]:
        async with self.database().transaction() as tx:
            return [dict(row._mapping) for row in await tx.execute(text(statement))]

    async def states(self, algorithm: str = "RS256") -> dict[str, str]:
        """Each key's state by its kid."""
        rows = await self.rows("SELECT kid, state, algorithm FROM signing_keys ORDER BY id")
        return {row["kid"]: row["state"] for row in rows if row["algorithm"] == algorithm}

    async def events(self, type_: str) -> list[dict[str, Any]]:
        """Audit entries of a type, each checked to have its row in `events` beside it."""
        rows = await self.rows(
            "SELECT a.*, e.id IS NOT NULL AS announced FROM audit_entries a LEFT JOIN events e ON e.id = a.id "
            "ORDER BY a.at, a.id"
        )
        assert all(row["announced"] for row in rows)
        return [row for row in rows if row["type"] == type_]


async def rotate(keys: SigningKeys, **choices: Any) -> Rotation:
    values: dict[str, Any] = {"longest_token_seconds": 600, "actor": OPERATOR, "origin": ORIGIN}
    return await keys.rotate(**(values | choices))


def kid_of(token: str) -> str:
    header = token.partition(".")[0]
    kid: str = json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))["kid"]
    return kid


async def until(condition: Callable[[], bool], *, seconds: float = 15) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


class Wire:
    """A relay in front of the database, which can be cut and mended. Clients reach it by a socket in `folder`."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self._folder = folder
        self._target = urlsplit(database_url)
        user = self._target.netloc.rpartition("@")[0]
        self.url = self._target._replace(netloc=f"{user}@", query=f"host={folder}").geturl()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def mend(self) -> None:
        self._server = await asyncio.start_unix_server(self._relay, self._folder / ".s.PGSQL.5432")

    async def cut(self) -> None:
        self._server.close()
        (self._folder / ".s.PGSQL.5432").unlink(missing_ok=True)
        for writer in self._writers:
            writer.transport.abort()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await self._connect()
        self._writers |= {writer, far_writer}
        await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._target.hostname is None:
            folder = parse_qs(self._target.query)["host"][0]
            return await asyncio.open_unix_connection(f"{folder}/.s.PGSQL.5432")
        return await asyncio.open_connection(self._target.hostname, self._target.port or 5432)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while chunk := await reader.read(65_536):
                writer.write(chunk)
                await writer.drain()
        writer.close()
