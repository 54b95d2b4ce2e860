"""Counting what one act asks the database."""

import asyncio
import contextlib
import gc
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field

import asyncpg
import httpx2
from asyncpg.pool import PoolConnectionProxy
from sqlalchemy import event

from app.wiring import Services

BOUNDS = ("BEGIN", "COMMIT", "ROLLBACK", "SET ")

Act = Callable[[], Awaitable[httpx2.Response]]


@dataclass
class Asked:
    """`transactions` holds the statements of each transaction, `single` those that stand alone."""

    transactions: list[list[str]] = field(default_factory=list)
    single: list[str] = field(default_factory=list)

    def note(self, *given: object) -> None:
        self.transactions[-1].append(str(given[2]))

    def note_single(self, query: "asyncpg.connection.LoggedQuery") -> None:
        if not query.query.startswith(BOUNDS):
            self.single.append(query.query)

    @property
    def counts(self) -> tuple[list[int], int]:
        return [len(statements) for statements in self.transactions], len(self.single)


@contextlib.contextmanager
def asking(services: Services) -> Iterator[Asked]:
    """Counts what the engine's transactions and the hot pool's connections are asked; they must be open already."""
    asked, engine = Asked(), services.db.engine.sync_engine
    listeners = {"begin": lambda _: asked.transactions.append([]), "before_cursor_execute": asked.note}
    found = [each for each in gc.get_objects() if isinstance(each, asyncpg.Connection)]
    # What a pool lends passes for one too, and answers nothing once it was given back.
    connections = [each for each in found if not isinstance(each, PoolConnectionProxy) and not each.is_closed()]
    for name, listener in listeners.items():
        event.listen(engine, name, listener)
    for connection in connections:
        connection.add_query_logger(asked.note_single)
    try:
        yield asked
    finally:
        for name, listener in listeners.items():
            event.remove(engine, name, listener)
        for connection in connections:
            connection.remove_query_logger(asked.note_single)


async def count(services: Services, act: Act) -> Asked:
    """What an act asks once connections are open and everything is in memory that stays there."""
    for _ in range(2):
        assert (await act()).is_success
    with asking(services) as asked:
        answer = await act()
        await asyncio.sleep(0)
    assert answer.is_success, answer.text
    return asked
