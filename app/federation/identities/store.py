"""Statements on identities, and on the sessions that rest on them."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from app.federation.connector import UpstreamLogout
from app.federation.identities.models import LinkedIdentity, VouchedSession
from app.foundation.db import Transaction

# A logout speaks of sessions that began before it, by the provider's clock and in whole seconds.
_LEEWAY = timedelta(seconds=2)

_COPY = text(
    """
    INSERT INTO federated_sessions (session_id, user_id, connection_id, issuer, subject, upstream_session, created_at)
    SELECT :to_id, user_id, connection_id, issuer, subject, upstream_session, CAST(:now AS timestamptz)
    FROM federated_sessions WHERE session_id = :from_id
    """
)
_LIVE = text(
    """
    SELECT s.sid, u.sub FROM federated_sessions f
      JOIN sessions s ON s.id = f.session_id JOIN users u ON u.id = s.user_id
    WHERE f.connection_id = :connection_id AND f.issuer = :issuer
      AND (CAST(:subject AS text) IS NULL OR f.subject = :subject)
      AND (CAST(:session AS text) IS NULL OR f.upstream_session = :session)
      AND (CAST(:before AS timestamptz) IS NULL OR f.created_at <= CAST(:before AS timestamptz))
      AND s.ended_at IS NULL AND s.expires_at > :now
    ORDER BY s.id
    """
)


_BEHIND = text(
    """
    SELECT f.connection_id, f.upstream_session FROM federated_sessions f JOIN sessions s ON s.id = f.session_id
    WHERE s.sid = :sid AND f.upstream_session IS NOT NULL
    """
)


class LiveSession(NamedTuple):
    """A session of ours that rests on a provider's word."""

    sid: str
    sub: str


async def find(tx: Transaction, issuer: str, subject: str) -> Row[Any] | None:
    """The identity of that name."""
    condition = (LinkedIdentity.issuer == issuer, LinkedIdentity.subject == subject)
    return (await tx.execute(select(LinkedIdentity.__table__).where(*condition))).first()


async def add(tx: Transaction, values: Mapping[str, Any]) -> bool:
    """Write an identity; False where somebody has it. A second writer of it waits here for the first one's end."""
    statement = insert(LinkedIdentity).values(**values)
    statement = statement.on_conflict_do_nothing(index_elements=[LinkedIdentity.issuer, LinkedIdentity.subject])
    return (await tx.execute(statement.returning(LinkedIdentity.id))).first() is not None


async def change(tx: Transaction, identity_id: UUID, values: Mapping[str, Any]) -> bool:
    """Write other values; False where the identity is gone."""
    statement = update(LinkedIdentity).where(LinkedIdentity.id == identity_id).values(**values)
    return (await tx.execute(statement.returning(LinkedIdentity.id))).first() is not None


async def list_of(tx: Transaction, user_id: UUID) -> Sequence[Row[Any]]:
    """The identities of a user, the oldest first."""
    statement = select(LinkedIdentity.__table__).where(LinkedIdentity.user_id == user_id)
    return (await tx.execute(statement.order_by(LinkedIdentity.id))).all()


async def remove(tx: Transaction, identity_id: UUID, *, user_id: UUID) -> Row[Any] | None:
    """Delete an identity of a user and return it."""
    condition = (LinkedIdentity.id == identity_id, LinkedIdentity.user_id == user_id)
    statement = delete(LinkedIdentity).where(*condition).returning(*LinkedIdentity.__table__.columns)
    return (await tx.execute(statement)).first()


async def remove_all(tx: Transaction, user_id: UUID) -> int:
    """Delete every identity of a user, and what is noted of their sessions; return how many identities there were."""
    await tx.execute(delete(VouchedSession).where(VouchedSession.user_id == user_id))
    statement = delete(LinkedIdentity).where(LinkedIdentity.user_id == user_id).returning(LinkedIdentity.id)
    return len((await tx.execute(statement)).all())


async def count_of(tx: Transaction, connection_id: str) -> int:
    """How many identities hang from a connection."""
    statement = select(func.count()).where(LinkedIdentity.connection_id == connection_id)
    return int(await tx.scalar(statement) or 0)


async def remove_of(tx: Transaction, connection_id: str) -> None:
    """Delete every identity that hangs from a connection."""
    await tx.execute(delete(LinkedIdentity).where(LinkedIdentity.connection_id == connection_id))


async def note_session(tx: Transaction, values: Mapping[str, Any]) -> None:
    """Note whom a session rests on."""
    await tx.execute(insert(VouchedSession).values(**values))


async def copy_session(tx: Transaction, from_id: UUID, to_id: UUID, *, now: datetime) -> None:
    """Let a session rest on whom another rests on."""
    await tx.execute(_COPY, {"from_id": from_id, "to_id": to_id, "now": now})


async def session_behind(tx: Transaction, sid: str) -> Row[Any] | None:
    """The session there that one of ours rests on, where it has a name."""
    return (await tx.execute(_BEHIND, {"sid": sid})).first()


async def live_sessions(
    tx: Transaction, connection_id: str, logout: UpstreamLogout, *, now: datetime
) -> list[LiveSession]:
    """The sessions of ours that are over with the one there."""
    values = {
        "connection_id": connection_id,
        "issuer": logout.issuer,
        "subject": logout.subject,
        "session": logout.session,
        "before": None if logout.issued_at is None else logout.issued_at + _LEEWAY,
        "now": now,
    }
    return [LiveSession(row.sid, row.sub) for row in await tx.execute(_LIVE, values)]
