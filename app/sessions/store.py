"""Statements on the table of sessions."""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row, delete, exists, null, select, text, union_all, update
from sqlalchemy.sql.elements import ColumnElement

from app.foundation.db import Transaction
from app.foundation.secrets import SecretHash
from app.sessions.models import Session
from app.users.models import User

# Written out and built once: every sign-in runs it. `amr` travels as text, because for an array the driver asks the
# server about the type, on each new connection.
_TYPES = {
    "id": "uuid",
    "sid": "text",
    "user_id": "uuid",
    "auth_time": "timestamptz",
    "amr": "text",
    "acr": "text",
    "ip": "text",
    "user_agent": "text",
    "created_at": "timestamptz",
    "renewed_at": "timestamptz",
    "idle_expires_at": "timestamptz",
    "expires_at": "timestamptz",
    "cookie_hash": "bytea",
    "idle_seconds": "integer",
}
_VALUES = {name: f"CAST(:{name} AS {kind})" for name, kind in _TYPES.items()}
_VALUES["amr"] = f"string_to_array({_VALUES['amr']}, ' ')"
_ADD_FOR_ACTIVE_USER = text(
    f"""
    INSERT INTO sessions ({", ".join(_VALUES)}) SELECT {", ".join(_VALUES.values())} FROM users
    WHERE id = :user_id AND status = 'active' AND credentials_version = :credentials_version
    FOR SHARE
    RETURNING id
    """  # noqa: S608 — built from constants; every value is a parameter
)

# The row is found by the hash alone; whose it is comes along for the audit entry.
_END_BY_COOKIE = text(
    """
    UPDATE sessions s SET ended_at = :now, end_reason = :reason FROM users u
    WHERE s.cookie_hash = :cookie_hash AND u.id = s.user_id
      AND s.ended_at IS NULL AND s.expires_at > :now AND s.idle_expires_at > :now
    RETURNING s.id, s.sid, s.user_id, u.sub
    """
)


# Signing out is what everybody does at once: as text it is put together once, and not for each of them.
_LIVE = "s.ended_at IS NULL AND s.expires_at > :now AND s.idle_expires_at > :now"
# Held in the order of their ids first, as whoever ends all of a user's comes upon them: else two could wait in a ring.
# As JSON, because for an array the driver asks the server about the type, on each new connection.
_END_BY_SIDS = text(
    f"""
    WITH held AS MATERIALIZED (
      SELECT s.id FROM sessions s
      WHERE s.sid IN (SELECT json_array_elements_text(CAST(:sids AS json))) AND {_LIVE}
      ORDER BY s.id FOR UPDATE
    )
    UPDATE sessions s SET ended_at = :now, end_reason = :reason FROM held WHERE s.id = held.id AND {_LIVE}
    RETURNING s.id, s.sid, s.user_id
    """  # noqa: S608 — built from constants; every value is a parameter
)
_END_ACTING = text(
    f"""
    UPDATE sessions s SET ended_at = :now, end_reason = :reason FROM users u
    WHERE s.actor_session_id IN (SELECT CAST(json_array_elements_text(CAST(:ids AS json)) AS uuid))
      AND u.id = s.user_id AND {_LIVE}
    RETURNING s.sid, s.actor_session_id, u.sub
    """  # noqa: S608 — built from constants; every value is a parameter
)


class Ended(NamedTuple):
    """A session that a statement ended, and whose it was."""

    id: UUID
    sid: str
    user_id: UUID


def live(now: datetime) -> ColumnElement[bool]:
    """Whether a session counts at `now`: the one definition, also for statements of other features."""
    return Session.ended_at.is_(None) & (Session.expires_at > now) & (Session.idle_expires_at > now)


async def add_for_active_user(tx: Transaction, values: Mapping[str, Any], *, credentials_version: int) -> bool:
    """Insert a session if its user is active and no credential has changed since the sign-in began.

    The user's row is locked against a change until this transaction ends: whoever suspends the user or changes
    a credential at the same moment either comes first, and this finds nothing, or comes after and ends this
    session with the others.
    """
    parameters = {**values, "amr": " ".join(values["amr"]), "credentials_version": credentials_version}
    return (await tx.execute(_ADD_FOR_ACTIVE_USER, parameters)).first() is not None


async def is_live(tx: Transaction, session_id: UUID, *, now: datetime) -> bool:
    """Whether a session is live."""
    return await tx.scalar(select(Session.id).where(Session.id == session_id, live(now))) is not None


class EndedActing(NamedTuple):
    """A session in which somebody acted for the user `sub`, and the session of theirs that it hung from."""

    sid: str
    of: UUID
    sub: str


async def end_acting(
    tx: Transaction, actor_session_ids: Collection[UUID], *, now: datetime, reason: str
) -> list[EndedActing]:
    """End the live sessions that hang from these."""
    if not actor_session_ids:
        return []
    values = {"ids": json.dumps([str(each) for each in actor_session_ids]), "now": now, "reason": reason}
    return [EndedActing(row.sid, row.actor_session_id, row.sub) for row in await tx.execute(_END_ACTING, values)]


def listed_under(user_id: UUID) -> ColumnElement[bool]:
    """Whether a session is this user's to see and to end: it is their own, or they act for somebody in it."""
    own = (Session.user_id == user_id) & Session.actor_user_id.is_(None)
    return own | (Session.actor_user_id == user_id)


async def sub_of(tx: Transaction, user_id: UUID) -> str | None:
    """The `sub` of a session's user."""
    return await tx.scalar(select(User.sub).where(User.id == user_id))


async def lock_live(
    tx: Transaction, session_id: UUID, *, credentials_version: int, now: datetime
) -> tuple[list[str], str] | None:
    """`amr` and `acr` of a live session whose user is active and unchanged; whoever else changes it waits."""
    statement = (
        select(Session.amr, Session.acr)
        .join(User, User.id == Session.user_id)
        .where(
            Session.id == session_id,
            live(now),
            User.status == "active",
            User.credentials_version == credentials_version,
        )
        .with_for_update(of=Session)
    )
    row = (await tx.execute(statement)).first()
    return None if row is None else (row[0], row[1])


async def renew_proof(tx: Transaction, session_id: UUID, *, auth_time: datetime, amr: Sequence[str], acr: str) -> None:
    """Write how and when a session's user last proved who they are."""
    statement = update(Session).where(Session.id == session_id)
    await tx.execute(statement.values(auth_time=auth_time, amr=list(amr), acr=acr))


async def hold_user(tx: Transaction, user_id: UUID) -> None:
    """Let whoever opens a session of a user, and so holds the row too, be done, or wait until this transaction ends."""
    await tx.execute(select(User.id).where(User.id == user_id).with_for_update(key_share=True))


async def end(tx: Transaction, condition: ColumnElement[bool], *, now: datetime, reason: str) -> list[Ended]:
    """End the live sessions that fulfil the condition and return them."""
    statement = (
        update(Session)
        .where(condition, live(now))
        .values(ended_at=now, end_reason=reason)
        .returning(Session.id, Session.sid, Session.user_id)
    )
    return [Ended(*row) for row in await tx.execute(statement)]


async def end_by_sids(tx: Transaction, sids: Sequence[str], *, now: datetime, reason: str) -> list[Ended]:
    """End those of these sessions that are live, and return them."""
    values = {"sids": json.dumps(sids), "now": now, "reason": reason}
    return [Ended(*row) for row in await tx.execute(_END_BY_SIDS, values)]


class HeldAssurance(NamedTuple):
    """What a session amounts to."""

    amr: tuple[str, ...]
    acr: str


async def find_assurance(tx: Transaction, session_id: UUID) -> HeldAssurance | None:
    """What a session amounts to; its row stays locked until the transaction ends."""
    statement = select(Session.amr, Session.acr).where(Session.id == session_id).with_for_update(key_share=True)
    row = (await tx.execute(statement)).first()
    return None if row is None else HeldAssurance(tuple(row.amr), row.acr)


async def set_assurance(tx: Transaction, session_id: UUID, *, amr: Sequence[str], acr: str) -> None:
    """Write what a session amounts to now."""
    await tx.execute(update(Session).where(Session.id == session_id).values(amr=list(amr), acr=acr))


async def page(
    tx: Transaction, user_id: UUID, *, now: datetime, after: UUID | None, limit: int
) -> Sequence[Row[tuple[Any, ...]]]:
    """Live sessions of a user, newest first, older than `after`."""
    acted_for = select(User.sub).where(User.id == Session.user_id, Session.actor_user_id.is_not(None))
    statement = select(Session.__table__, acted_for.scalar_subquery().label("acts_for"))
    statement = statement.where(listed_under(user_id), live(now))
    if after is not None:
        statement = statement.where(Session.id < after)
    return (await tx.execute(statement.order_by(Session.id.desc()).limit(limit))).all()


async def kept(tx: Transaction, user_id: UUID, *, before: UUID | None, limit: int) -> Sequence[Row[tuple[Any, ...]]]:
    """Sessions of a user, ended ones too, newest first, older than `before`. Each half has an index of its own."""
    older = () if before is None else (Session.id < before,)
    halves = [
        select(Session.__table__, null().label("acts_for"))
        .where(Session.user_id == user_id, Session.actor_user_id.is_(None), half, *older)
        .order_by(Session.id.desc())
        .limit(limit)
        .subquery()
        .select()
        for half in (Session.ended_at.is_(None), Session.ended_at.is_not(None))
    ]
    both = union_all(*halves).subquery()
    return (await tx.execute(both.select().order_by(both.c.id.desc()).limit(limit))).all()


async def remove(tx: Transaction, user_id: UUID) -> None:
    """Delete every session of a user."""
    for half in (Session.ended_at.is_(None), Session.ended_at.is_not(None)):
        await tx.execute(delete(Session).where(Session.user_id == user_id, half))


async def any_since(tx: Transaction, user_id: UUID, moment: datetime) -> bool:
    """Whether a session of the user was opened after that moment."""
    condition = exists().where(Session.user_id == user_id, Session.actor_user_id.is_(None), Session.created_at > moment)
    return bool(await tx.scalar(select(condition)))


async def end_by_cookie(
    tx: Transaction, cookie_hash: SecretHash, *, now: datetime, reason: str
) -> tuple[Ended, str] | None:
    """End the live session of a cookie and return it with its user's `sub`; None where there is none."""
    row = (await tx.execute(_END_BY_COOKIE, {"cookie_hash": cookie_hash, "now": now, "reason": reason})).first()
    return None if row is None else (Ended(row.id, row.sid, row.user_id), row.sub)


async def replace_cookie(
    tx: Transaction, session_id: UUID, cookie_hash: SecretHash, *, now: datetime
) -> datetime | None:
    """Put another cookie in place of a live browser session's; return the session's absolute end, or None."""
    statement = (
        update(Session)
        .where(Session.id == session_id, Session.cookie_hash.is_not(None), live(now))
        .values(cookie_hash=cookie_hash)
        .returning(Session.expires_at)
    )
    expires_at: datetime | None = (await tx.execute(statement)).scalar()
    return expires_at
