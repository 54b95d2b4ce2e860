"""PostgreSQL: transactions for use cases, and a pool of bare connections for the hot statements.

A function that takes a `Transaction` works inside its caller's; one that does not is a whole use case and
opens its own with `Database.transaction()`, which has committed when the block ends.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import asyncpg
from sqlalchemy import MetaData, event, text
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError, DisconnectionError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.pool import QueuePool

from app.foundation.dsn import ENGINE_URL, connecting, driver_dsn
from app.foundation.errors import Unavailable
from app.foundation.hot_connections import HotConnections
from app.foundation.joining import joined_transaction, joining, part, whole
from app.foundation.metrics import Counter, Gauge

Transaction = AsyncConnection

# What a caller waits by default for its turn, a new connection and one statement, in seconds. The first with either
# of the others keeps every answer under two seconds while the network swallows what is sent to the database.
POOL_WAIT_SECONDS = 0.7
CONNECT_SECONDS = 1.1
STATEMENT_SECONDS = 1.1

_POOLS = ("transactions", "statements")
_IN_USE = Gauge(
    "db_connections_in_use", "Connections to PostgreSQL at work.", unit="connections", across="sum", pool=_POOLS
)
_LIMIT = Gauge(
    "db_connections_limit", "Connections that the pools may open.", unit="connections", across="sum", pool=_POOLS
)
_WAITS = Counter("db_pool_waits", "Callers that found every connection at work.", unit="callers", pool=_POOLS)

# Whoever gave up on a statement cannot use its connection again: the answer may still come.
_GIVEN_UP = (TimeoutError, asyncio.CancelledError)
# The connection broke under a statement, which other connections need not share.
_CUT = (
    ConnectionError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
)
_LOST = (OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.PostgresConnectionError, asyncpg.InternalClientError)
# The server is going down, coming up, or out of connections: it may answer soon.
_SERVER_AWAY = (
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.ReadOnlySQLTransactionError,
)


class DatabaseUnavailable(Unavailable):
    """PostgreSQL does not answer, or has no connection left for us. Nothing was acknowledged."""

    code, title = "database_unavailable", "Not available at the moment"


class Model(DeclarativeBase):
    """The base of every feature's tables. Statements on them are written with SQLAlchemy Core."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Database:
    """One process's connections: an engine for use cases and `hot`, a pool of bare connections.

    `url` is `postgresql+asyncpg://…`. `pool_size` bounds each of the two pools. `answer_seconds` is what a caller waits
    for one statement; what it waits for a connection and for its turn follows from it.
    """

    def __init__(self, url: str, *, pool_size: int, answer_seconds: float = STATEMENT_SECONDS) -> None:
        self._dsn = driver_dsn(url)
        share = answer_seconds / STATEMENT_SECONDS
        self._statement_seconds = answer_seconds
        self._connect_seconds = CONNECT_SECONDS * share
        self._turn_seconds = POOL_WAIT_SECONDS * share
        self._pool_size = pool_size
        self._hot: HotConnections | None = None
        self._turns = asyncio.Semaphore(pool_size)
        self._at_work = 0
        self.engine: AsyncEngine = create_async_engine(
            ENGINE_URL,
            async_creator=connecting(url, timeout=self._connect_seconds, command_timeout=answer_seconds),
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=self._turn_seconds,
            pool_pre_ping=False,
            # An exception's text would quote the parameters of its statement, hashes and addresses among them.
            hide_parameters=True,
        )
        event.listen(self.engine.sync_engine, "checkout", _replace_closed)
        event.listen(self.engine.sync_engine, "handle_error", _drop_given_up)

    async def open(self) -> None:
        """Prepare the hot connections. They are made as they are used, also where the database is away at first."""
        self._hot = HotConnections(
            self._dsn, connect_seconds=self._connect_seconds, statement_seconds=self._statement_seconds
        )

    async def close(self) -> None:
        """Close every connection."""
        if self._hot is not None:
            self._hot.close()
        await self.engine.dispose()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """A transaction that commits when the block ends and rolls back when it raises.

        Raises DatabaseUnavailable when the database cannot be reached, also at the commit: what was not
        acknowledged may or may not have happened, and the caller is told to try again.
        """
        outer = joined_transaction(self)
        if outer is None and self._checked_out() >= self._pool_size:
            _WAITS.add("transactions")
        with translated():
            async with whole(self.engine) if outer is None else part(outer) as connection:
                yield connection

    @asynccontextmanager
    async def one_transaction(self) -> AsyncIterator[Transaction]:
        """One transaction for all that this task does until the block ends: each within it is a part of it.

        What a use case has committed by itself otherwise is kept or lost with the whole. Raises DatabaseUnavailable.
        """
        async with self.transaction() as connection:
            with joining(self, connection):
                yield connection

    async def fetchrow(self, statement: str, *arguments: object, repeatable: bool = False) -> asyncpg.Record | None:
        """Run one statement as `fetch` does, and return its first row."""
        rows = await self.fetch(statement, *arguments, repeatable=repeatable)
        return rows[0] if rows else None

    async def fetch(self, statement: str, *arguments: object, repeatable: bool = False) -> list[asyncpg.Record]:
        """Run one statement on the hot pool, in a transaction of its own, and return its rows.

        One that is `repeatable`, because it changes nothing, is run again where its connection broke.
        Raises DatabaseUnavailable.
        """
        with translated():
            try:
                return await self._fetch(statement, arguments)
            except _CUT:
                if not repeatable:
                    raise
            return await self._fetch(statement, arguments)

    async def _fetch(self, statement: str, arguments: tuple[object, ...]) -> list[asyncpg.Record]:
        if self._hot is None:
            raise DatabaseUnavailable(detail="the hot pool is not open")
        await self._take_turn()
        self._at_work += 1
        try:
            for _ in range(self._pool_size):
                try:
                    return await self._hot.fetch(statement, arguments)
                except asyncpg.InternalClientError:
                    # The server has said goodbye and not yet hung up: the driver refuses to send anything on this
                    # connection, so nothing was sent. Every other one may be in the same state.
                    continue
            return await self._hot.fetch(statement, arguments)
        finally:
            self._at_work -= 1
            self._turns.release()

    async def _take_turn(self) -> None:
        if not self._turns.locked():
            await self._turns.acquire()
            return
        _WAITS.add("statements")
        async with asyncio.timeout(self._turn_seconds):
            await self._turns.acquire()

    def sample(self) -> None:
        """Bring the gauges of both pools up to date."""
        _IN_USE.set(self._checked_out(), "transactions")
        _IN_USE.set(self._at_work, "statements")
        for pool in _POOLS:
            _LIMIT.set(self._pool_size, pool)

    def _checked_out(self) -> int:
        pool = self.engine.pool
        return pool.checkedout() if isinstance(pool, QueuePool) else 0

    @asynccontextmanager
    async def dedicated(self) -> AsyncIterator["asyncpg.Connection"]:
        """A connection outside the pools, for who must hold one for long: each statement commits by itself.

        What it raises comes as it is, see `is_unavailable`.
        """
        connection = await asyncpg.connect(
            self._dsn, timeout=self._connect_seconds, command_timeout=self._statement_seconds
        )
        try:
            yield connection
        finally:
            # A goodbye would wait for a server that may be away; the server notices the end of the connection at once.
            connection.terminate()

    async def time(self) -> datetime:
        """The database's clock at this moment."""
        row = await self.fetchrow("SELECT clock_timestamp()", repeatable=True)
        if row is None:
            raise DatabaseUnavailable(detail="the database did not tell its time")
        at: datetime = row[0]
        return at


def _replace_closed(connection: Any, _: object, __: object) -> None:
    """Let the pool open another connection in place of one that the server has closed meanwhile."""
    if connection.driver_connection.is_closed():
        raise DisconnectionError


def _drop_given_up(context: ExceptionContext) -> None:
    """Cut a connection whose answer nobody waits for any more, so that neither a rollback nor a goodbye waits for it.

    The others of the pool may be well: each is found out when it is used.
    """
    if context.connection is not None and isinstance(context.original_exception, _GIVEN_UP):
        driver: Any = context.connection.connection.driver_connection
        driver.terminate()
        context.is_disconnect = True
        context.invalidate_pool_on_disconnect = False


class translated:  # noqa: N801 — reads as a statement: `with translated():`
    """Raise DatabaseUnavailable for what a lost or absent database raises; let everything else pass."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if error is not None and is_unavailable(error):
            raise DatabaseUnavailable(detail=f"{type(error).__name__}: {error}") from error


def is_unavailable(error: BaseException) -> bool:
    """Whether an exception means that the database is away, rather than that a statement is wrong."""
    if isinstance(error, PoolTimeout):
        return True
    if isinstance(error, DBAPIError):
        cause = error.orig.__cause__ if error.orig is not None else None
        return error.connection_invalidated or (cause is not None and is_unavailable(cause))
    if isinstance(error, SQLAlchemyError | asyncio.CancelledError):
        return False
    return isinstance(error, _LOST + _SERVER_AWAY)


async def set_lock_timeout(tx: Transaction, milliseconds: int) -> None:
    """Bound how long this transaction may wait for a lock."""
    await tx.execute(text(f"SET LOCAL lock_timeout = {int(milliseconds)}"))
