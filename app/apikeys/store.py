"""Statements on the table of API keys."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, and_, delete, func, insert, or_, select, text, update

from app.apikeys.models import APIKeyRow
from app.clients.models import OAuthClient
from app.foundation.db import Transaction
from app.roles.holding import HELD_JSON
from app.users.models import User

_TABLE = APIKeyRow.__table__

# Every key that some requests of one moment came with, as one JSON text, with all that decides whether it counts.
# With them the versions of the clients that ask, so that what a process keeps of these is confirmed by the way.
# Parameters: $1 row ids, $2 client ids, each as the text of an array: for an array itself the driver asks each new
# connection's server about the type.
INSPECT = f"""
    SELECT json_build_object('clients', (
      SELECT json_object_agg(client_id, version) FROM oauth_clients
      WHERE client_id = ANY($2::text::text[]) AND disabled_at IS NULL
    ), 'keys', (SELECT json_agg(json_build_object(
      'id', k.id, 'hash', encode(k.key_hash, 'hex'), 'name', k.name, 'audience', k.audience,
      'scopes', k.scopes, 'networks', k.networks, 'revoked', k.revoked_at IS NOT NULL,
      'created_at', extract(epoch FROM k.created_at), 'expires_at', extract(epoch FROM k.expires_at),
      'last_used_at', extract(epoch FROM k.last_used_at),
      'user_id', u.id, 'sub', u.sub, 'email', u.email, 'email_verified', u.email_verified_at IS NOT NULL,
      'user_active', u.status = 'active',
      'client_id', c.client_id, 'client_active', c.disabled_at IS NULL, 'client_targets', c.targets,
      'held', {HELD_JSON.format(user_id="k.user_id")}
    ))
    FROM api_keys k LEFT JOIN users u ON u.id = k.user_id LEFT JOIN oauth_clients c ON c.client_id = k.client_id
    WHERE k.id = ANY($1::text::uuid[])))::text
    """  # noqa: S608 — built from constants; every value is a parameter

_NOTE_USES = text(
    """
    UPDATE api_keys k SET last_used_at = used.at
    FROM unnest(CAST(:ids AS uuid[]), CAST(:times AS timestamptz[])) AS used (id, at)
    WHERE k.id = used.id AND (k.last_used_at IS NULL OR k.last_used_at < used.at)
    """
)


async def hold_owner(tx: Transaction, owner: str) -> None:
    """Let what makes keys of one owner take turns until the transaction ends."""
    await tx.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:owner, 0))"), {"owner": f"api_keys:{owner}"})


async def add(tx: Transaction, values: Mapping[str, object]) -> None:
    """Write a new key."""
    await tx.execute(insert(APIKeyRow), dict(values))


async def count_live(tx: Transaction, owner: ColumnElement[bool], *, now: datetime) -> int:
    """How many keys of an owner count and have not been rotated."""
    statement = select(func.count()).select_from(APIKeyRow).where(owner, live(now), APIKeyRow.replaced_by.is_(None))
    return await tx.scalar(statement) or 0


async def find(tx: Transaction, row_id: UUID, owner: ColumnElement[bool] | None = None) -> Row[Any] | None:
    """A key with what names its owner."""
    statement = _listed().where(APIKeyRow.id == row_id)
    return (await tx.execute(statement if owner is None else statement.where(owner))).first()


async def hold(tx: Transaction, row_id: UUID) -> None:
    """Let changes of a key take turns until the transaction ends."""
    await tx.execute(select(APIKeyRow.id).where(APIKeyRow.id == row_id).with_for_update())


async def page(
    tx: Transaction, conditions: Sequence[ColumnElement[bool]], *, before: UUID | None, limit: int
) -> Sequence[Row[Any]]:
    """Keys that fulfil every condition, newest first."""
    statement = _listed().where(*conditions).order_by(APIKeyRow.id.desc()).limit(limit)
    return (await tx.execute(statement if before is None else statement.where(APIKeyRow.id < before))).all()


async def replace(tx: Transaction, row_id: UUID, successor: UUID, *, expires_at: datetime) -> None:
    """Note that a key was rotated, and when it ends: at its own time, if that comes before."""
    ends_at = func.least(APIKeyRow.expires_at, expires_at)
    await tx.execute(update(APIKeyRow).where(APIKeyRow.id == row_id).values(replaced_by=successor, expires_at=ends_at))


async def revoke(tx: Transaction, condition: ColumnElement[bool], *, now: datetime, reason: str) -> Sequence[Any]:
    """Revoke the keys that fulfil a condition and still count; return each with its owner's subject or client id."""
    owner = select(User.sub).where(User.id == APIKeyRow.user_id).scalar_subquery()
    statement: Any = (
        update(APIKeyRow)
        .where(condition, live(now))
        .values(revoked_at=now, revoke_reason=reason)
        .returning(APIKeyRow.id, APIKeyRow.name, func.coalesce(owner, APIKeyRow.client_id).label("owner"))
    )
    return (await tx.execute(statement)).all()


async def list_live(tx: Transaction, owner: ColumnElement[bool], *, now: datetime) -> Sequence[Any]:
    """The row ids of an owner's keys that are neither revoked nor expired."""
    return (await tx.execute(select(APIKeyRow.id).where(owner, live(now)))).all()


async def remove(tx: Transaction, owner: ColumnElement[bool]) -> None:
    """Delete every key of an owner."""
    await tx.execute(delete(APIKeyRow).where(owner))


async def note_uses(tx: Transaction, uses: Mapping[UUID, datetime]) -> None:
    """Write when keys were last used, all by one statement; in one order, so that two processes never deadlock."""
    ordered = sorted(uses.items())
    await tx.execute(_NOTE_USES, {"ids": [row_id for row_id, _ in ordered], "times": [at for _, at in ordered]})


def live(now: datetime) -> ColumnElement[bool]:
    """Keys that are neither revoked nor expired."""
    return and_(APIKeyRow.revoked_at.is_(None), or_(APIKeyRow.expires_at.is_(None), APIKeyRow.expires_at > now))


def of_user(user_id: UUID) -> ColumnElement[bool]:
    """The keys of a user."""
    return APIKeyRow.user_id == user_id


def of_client(client_id: str) -> ColumnElement[bool]:
    """The keys of a client."""
    return APIKeyRow.client_id == client_id


def at_audience(audience: str) -> ColumnElement[bool]:
    """The keys for an audience, by its stored name."""
    return APIKeyRow.audience == audience


def has_id(row_id: UUID) -> ColumnElement[bool]:
    """The one key of that row."""
    return APIKeyRow.id == row_id


def _listed() -> Any:
    return (
        select(_TABLE, User.sub, User.status.label("user_status"), OAuthClient.disabled_at.label("client_disabled_at"))
        .select_from(APIKeyRow)
        .outerjoin(User, User.id == APIKeyRow.user_id)
        .outerjoin(OAuthClient, OAuthClient.client_id == APIKeyRow.client_id)
    )
