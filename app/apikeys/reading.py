"""Reading the keys of many requests by one statement.

Requests of one moment share a statement, and while two are under way the next ones gather for the third: the busier
the process, the cheaper each look-up, and what is read was always asked for after the request came.
"""

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from app.apikeys import store
from app.foundation.db import Database

STATEMENTS_AT_ONCE = 2
MAX_KEYS_AT_ONCE = 500

Rows = Mapping[str, Mapping[str, Any]]
"""What `store.INSPECT` says of each key, by its row id."""


class _Batch:
    """Keys that are read together."""

    __slots__ = ("read", "row_ids")

    def __init__(self) -> None:
        self.row_ids: list[UUID] = []
        self.read: asyncio.Future[Rows] = asyncio.get_running_loop().create_future()


class KeyReader:
    """Looks keys up by row id."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._turns = asyncio.Semaphore(STATEMENTS_AT_ONCE)
        self._gathering: _Batch | None = None
        self._reading: set[asyncio.Task[None]] = set()

    async def find(self, row_id: UUID) -> Mapping[str, Any] | None:
        """What the database says of a key now; None where there is none. Raises DatabaseUnavailable."""
        batch = self._gathering
        if batch is None or len(batch.row_ids) >= MAX_KEYS_AT_ONCE:
            batch = self._gathering = _Batch()
            task = asyncio.get_running_loop().create_task(self._read(batch))
            self._reading.add(task)
            task.add_done_callback(self._reading.discard)
        batch.row_ids.append(row_id)
        # Shielded: a client that hangs up must not take the answer away from the others.
        return (await asyncio.shield(batch.read)).get(str(row_id))

    async def _read(self, batch: _Batch) -> None:
        try:
            async with self._turns:
                if self._gathering is batch:
                    self._gathering = None
                array = f"{{{','.join(map(str, batch.row_ids))}}}"
                row = await self._db.fetchrow(store.INSPECT, array, repeatable=True)
            found = json.loads(row[0]) if row is not None else []
            batch.read.set_result({key["id"]: key for key in found})
        except asyncio.CancelledError:
            batch.read.cancel()
            raise
        except Exception as error:  # noqa: BLE001 — whatever it is, each of those who wait raises it
            batch.read.set_exception(error)
            # Where all of them have gone, nobody else would look at it.
            batch.read.exception()
