"""Use cases that become parts of one transaction, without knowing it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

_AFTER_COMMIT = "after_commit"

AfterCommit = Callable[[], Awaitable[None] | None]


@dataclass(frozen=True, slots=True)
class _Joined:
    """A transaction that is under way, whose database it is, and the task that may join it."""

    owner: object
    connection: AsyncConnection
    task: "asyncio.Task[object] | None"


_under_way: ContextVar[_Joined | None] = ContextVar("transaction under way", default=None)


@contextmanager
def joining(owner: object, connection: AsyncConnection) -> Iterator[None]:
    """Let what this task does with `owner` until the block ends join a transaction.

    Tasks that it starts do not join: a connection serves one statement at a time.
    """
    token = _under_way.set(_Joined(owner, connection, asyncio.current_task()))
    try:
        yield
    finally:
        _under_way.reset(token)


def joined_transaction(owner: object) -> AsyncConnection | None:
    """The transaction of `owner` that this task is to join, None where it begins one of its own."""
    joined = _under_way.get()
    if joined is None or joined.owner is not owner or joined.task is not asyncio.current_task():
        return None
    return joined.connection


@asynccontextmanager
async def whole(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A transaction of its own."""
    async with engine.begin() as connection:
        info = connection.info
        # A connection is used again: what a transaction left behind that was rolled back is not ours.
        info.pop(_AFTER_COMMIT, None)
        yield connection
    for callback in info.pop(_AFTER_COMMIT, ()):
        waiting = callback()
        if waiting is not None:
            await waiting


@asynccontextmanager
async def part(connection: AsyncConnection) -> AsyncIterator[AsyncConnection]:
    """A part of a transaction, which alone is undone when the block raises."""
    callbacks: list[AfterCommit] = connection.info.setdefault(_AFTER_COMMIT, [])
    before = len(callbacks)
    try:
        async with connection.begin_nested():
            yield connection
    except BaseException:
        del callbacks[before:]
        raise


def after_commit(connection: AsyncConnection, callback: AfterCommit) -> None:
    """Let `callback` run once this transaction has committed; it is forgotten where it rolls back.

    For what may be lost, such as waking somebody: a process that dies in between has committed all the same. What it
    returns to be awaited is done before the use case returns, and so before its answer; it raises nothing.
    """
    connection.info.setdefault(_AFTER_COMMIT, []).append(callback)
