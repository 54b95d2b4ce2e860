"""Reading the keys of many requests by one statement."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from pydantic_core import from_json

from app.apikeys import store
from app.foundation.db import Database
from app.foundation.gathering import Gathering


class ClientChanged(Exception):
    """What this process keeps of the client that asks is old: it must be read anew."""


class AskingClient(NamedTuple):
    """The client that asks, as this process knows it."""

    client_id: str
    version: int


class _Question(NamedTuple):
    row_id: UUID
    client_id: str | None


class _Found(NamedTuple):
    """A key as `store.INSPECT` says it, and the version of the client that asked, if it is there and enabled."""

    key: Mapping[str, Any] | None
    client_version: int | None


class KeyReader:
    """Looks keys up by row id."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._gathering = Gathering[_Question, _Found](self._read)

    async def find(self, row_id: UUID, *, asking: AskingClient | None = None) -> Mapping[str, Any] | None:
        """What the database says of a key now; None where there is none.

        Raises ClientChanged where the client that asks is no longer what it was at its version; DatabaseUnavailable.
        """
        found = await self._gathering.ask(_Question(row_id, asking.client_id if asking is not None else None))
        if asking is not None and found.client_version != asking.version:
            raise ClientChanged
        return found.key

    async def _read(self, questions: Sequence[_Question]) -> Sequence[_Found]:
        row_ids = [str(question.row_id) for question in questions]
        client_ids = {question.client_id for question in questions if question.client_id is not None}
        row = await self._db.fetchrow(store.INSPECT, _array(row_ids), _array(client_ids), repeatable=True)
        told = from_json(row[0]) if row is not None else {}
        keys = {key["id"]: key for key in told.get("keys") or ()}
        clients = told.get("clients") or {}
        return [
            _Found(keys.get(row_id), clients.get(question.client_id))
            for row_id, question in zip(row_ids, questions, strict=True)
        ]


def _array(values: Iterable[str]) -> str:
    """An array as PostgreSQL writes it, of ids that need no quotes."""
    return f"{{{','.join(values)}}}"
