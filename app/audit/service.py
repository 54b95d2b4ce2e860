"""Recording events."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text

from app.audit.event import Event
from app.foundation.clock import Clock
from app.foundation.db import Transaction
from app.foundation.ids import new_id
from app.foundation.metrics import Counter

MAX_TEXT_CHARACTERS = 1024

_FAILURES = Counter(
    "audit_write_failures",
    "Entries that could not be written, so that what they speak of was not done.",
    unit="entries",
)


class EntryValues(NamedTuple):
    """The parameters of one entry, in the order of `COLUMNS`."""

    id: UUID
    at: datetime
    type: str
    outcome: str
    actor_kind: str
    actor_id: str | None
    subject: str | None
    ip: str | None
    user_agent: str | None
    trace_id: str
    details: str


_FIELDS = EntryValues._fields
COLUMNS = ", ".join(_FIELDS)
_TYPES = ("uuid", "timestamptz", "text", "text", "text", "text", "text", "text", "text", "text", "jsonb")


def recording_ctes(first_parameter: int, *, source: str, columns: Mapping[str, str]) -> str:
    """Two CTEs that record an event inside a hot statement, once for each row of the CTE named `source`.

    The statement's parameters from `$first_parameter` on are the fields of `EntryValues`; `columns` maps a
    field that is known only inside the statement to the SQL expression that yields it.
    """
    parameters = {
        name: f"${first_parameter + n}::{kind}" for n, (name, kind) in enumerate(zip(_FIELDS, _TYPES, strict=True))
    }
    told = {name: f"coalesce({columns[name]}, {parameters[name]})" for name in columns}
    return recording_all_ctes(source=source, columns={**parameters, **told})


def recording_all_ctes(*, source: str, columns: Mapping[str, str]) -> str:
    """The same where the statement knows every field of each event: `columns` has an expression for each."""
    return f"""
    recorded AS (
      INSERT INTO audit_entries ({COLUMNS}) SELECT {", ".join(columns[name] for name in _FIELDS)} FROM {source}
      RETURNING id, type, subject, at, details
    ), announced AS (
      INSERT INTO events (id, type, subject, created_at, payload)
      SELECT id, type, subject, at, details FROM recorded
    )"""  # noqa: S608 — built from constants; every value is a parameter


_RECORD = text(
    f"""
    WITH recorded AS (
      INSERT INTO audit_entries ({COLUMNS})
      VALUES (:id, :at, :type, :outcome, :actor_kind, :actor_id, :subject, :ip, :user_agent, :trace_id,
              CAST(:details AS jsonb))
      RETURNING id, type, subject, at, details
    )
    INSERT INTO events (id, type, subject, created_at, payload)
    SELECT id, type, subject, at, details FROM recorded
    """  # noqa: S608 — built from constants; every value is a parameter
)


class alarmed:  # noqa: N801 — reads as a statement: `with alarmed():`
    """Count a statement that should have written an entry and did not: the alarm of a log that cannot be written."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        # Whoever hung up is no fault of the log's.
        if isinstance(error, Exception):
            _FAILURES.add()


class AuditLog:
    """Writes events where the change they speak of is written."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def record(self, tx: Transaction, event: Event) -> None:
        """Write the event's entry and its `events` row in the caller's transaction, by one statement."""
        with alarmed():
            await tx.execute(_RECORD, self.values(event)._asdict())

    async def record_all(self, tx: Transaction, events: Sequence[Event]) -> None:
        """Write many events as `record` writes one; they travel to the database together."""
        if events:
            values = [self.values(event)._asdict() for event in events]
            with alarmed():
                await tx.execute(_RECORD, values if len(values) > 1 else values[0])

    def values(self, event: Event) -> EntryValues:
        """The event as parameters, for `recording_ctes`. Long texts are cut and control characters removed."""
        now = self._clock.now()
        details = {name: _cleaned(value) for name, value in event.details().items()}
        return EntryValues(
            id=new_id(now),
            at=now,
            type=event.type,
            outcome=event.outcome.value,
            actor_kind=event.actor.kind.value,
            actor_id=one_line(event.actor.id),
            subject=one_line(event.subject),
            ip=event.origin.ip,
            user_agent=one_line(event.origin.user_agent),
            trace_id=event.origin.trace_id,
            details=json.dumps(details) if details else "{}",
        )


def _cleaned(value: object) -> object:
    """The same of a detail, whatever it is made of."""
    if isinstance(value, str):
        return one_line(value)
    if isinstance(value, Mapping):
        return {name: _cleaned(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(part) for part in value]
    return value


def one_line(value: str | None) -> str | None:
    """One line of printable text within the limit: what a stranger typed must not forge lines or fill the log."""
    if value is None:
        return None
    if value.isprintable():
        return value[:MAX_TEXT_CHARACTERS]
    printable = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in value)
    return printable[:MAX_TEXT_CHARACTERS]
