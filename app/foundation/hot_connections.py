"""Connections for single statements, taken and given back without more ado.

The driver's own pool makes a task, a timer and a proxy for each use, which cost half of what a short statement does.
All that is for connections that somebody may leave in any state; after one statement of its own a connection is as
it was, or it is cut.
"""

import asyncio
from collections import deque

import asyncpg

IDLE_SECONDS = 300.0
# Every hot statement looks rows up by their keys, whatever its values; to plan one anew costs more than to run it, and
# the server would, because it cannot tell beforehand which partition is meant.
_SETTINGS = {"plan_cache_mode": "force_generic_plan"}

# Whoever gave up on a statement cannot use its connection again: the answer may still come. Nor can anybody where the
# driver refuses to send.
_SPOILT = (TimeoutError, asyncio.CancelledError, asyncpg.InternalClientError)


class HotConnections:
    """As many connections as there are callers at one time: whoever calls bounds these.

    They are made as they are needed, so that a process can start while the database is away, and one is cut when it
    has not been used for `idle_seconds`. What the driver raises comes as it is.
    """

    def __init__(
        self, dsn: str, *, connect_seconds: float, statement_seconds: float, idle_seconds: float = IDLE_SECONDS
    ) -> None:
        self._dsn = dsn
        self._idle_seconds = idle_seconds
        self._connect_seconds = connect_seconds
        self._statement_seconds = statement_seconds
        # The one used last stands last and is taken first; each with the moment since when it is idle.
        self._idle: deque[tuple[asyncpg.Connection, float]] = deque()
        self._open: set[asyncpg.Connection] = set()
        self._closed = False

    async def fetch(self, statement: str, arguments: tuple[object, ...]) -> list[asyncpg.Record]:
        """Run one statement, in a transaction of its own, and return its rows."""
        connection = await self._take()
        try:
            rows: list[asyncpg.Record] = await connection.fetch(statement, *arguments)
        except _SPOILT:
            # Kept, it would wait for the server to confirm the cancellation.
            connection.terminate()
            raise
        finally:
            self._give_back(connection)
        return rows

    def close(self) -> None:
        """Cut every connection."""
        self._closed = True
        self._idle.clear()
        for connection in self._open:
            connection.terminate()
        self._open.clear()

    async def _take(self) -> "asyncpg.Connection":
        if self._closed:
            raise asyncpg.InterfaceError("the connections are closed")
        while self._idle:
            connection, _ = self._idle.pop()
            if not connection.is_closed():
                return connection
            self._drop(connection)
        connection = await asyncpg.connect(
            self._dsn,
            timeout=self._connect_seconds,
            command_timeout=self._statement_seconds,
            server_settings=_SETTINGS,
        )
        self._open.add(connection)
        return connection

    def _give_back(self, connection: "asyncpg.Connection") -> None:
        if self._closed or connection.is_closed():
            self._drop(connection)
            return
        now = asyncio.get_running_loop().time()
        self._idle.append((connection, now))
        longest, since = self._idle[0]
        if now - since > self._idle_seconds:
            self._idle.popleft()
            self._drop(longest)

    def _drop(self, connection: "asyncpg.Connection") -> None:
        # Of one that the server closed the driver lets go only when it is told to.
        connection.terminate()
        self._open.discard(connection)
