"""Counting without reading whole tables."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select, text

from app.apikeys.models import APIKeyRow
from app.audiences.models import Audience
from app.clients.models import OAuthClient
from app.foundation.db import Database, Model, Transaction
from app.groups.models import Group
from app.roles.models import Role
from app.sessions.models import Session
from app.signing_keys.models import SigningKey
from app.users.models import User
from app.webhooks.models import WebhookEndpoint

COUNTED_AT_MOST = 10_000


@dataclass(frozen=True, slots=True)
class Count:
    """How many there are; where it is not `exact`, at least or about that many."""

    count: int
    exact: bool


@dataclass(frozen=True, slots=True)
class _Counted:
    """What is counted under a name, for whom, and which rows of it."""

    name: str
    scope: str
    model: type[Model]
    where: ColumnElement[bool] | None = None


# Ended sessions are history; those that have run out without being ended are purged soon.
_EVERYTHING = (
    _Counted("users", "admin:users:read", User),
    _Counted("open_sessions", "admin:users:read", Session, Session.ended_at.is_(None)),
    _Counted("roles", "admin:roles:read", Role),
    _Counted("groups", "admin:groups:read", Group),
    _Counted("groups", "admin:groups:read", Group),
    _Counted("audiences", "admin:audiences:read", Audience),
    _Counted("oauth_clients", "admin:oauth-clients:read", OAuthClient),
    _Counted("api_keys", "admin:api-keys:read", APIKeyRow, APIKeyRow.revoked_at.is_(None)),
    _Counted("webhooks", "admin:webhooks:read", WebhookEndpoint, WebhookEndpoint.deleted_at.is_(None)),
    _Counted("signing_keys", "admin:signing-keys:read", SigningKey),
)


class Counting:
    """Counts what the admin API lists. A count costs at most a walk over `COUNTED_AT_MOST` rows of an index."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def count(self, scopes: Collection[str]) -> Mapping[str, Count]:
        """The counts that these scopes open, by name."""
        async with self._db.transaction() as tx:
            return {item.name: await _count(tx, item) for item in _EVERYTHING if item.scope in scopes}


async def _count(tx: Transaction, item: _Counted) -> Count:
    rows = select(text("1")).select_from(item.model)
    bounded = (rows if item.where is None else rows.where(item.where)).limit(COUNTED_AT_MOST + 1).subquery()
    counted = await tx.scalar(select(func.count()).select_from(bounded)) or 0
    if counted <= COUNTED_AT_MOST:
        return Count(counted, exact=True)
    if item.where is not None:
        return Count(COUNTED_AT_MOST, exact=False)
    estimate = await tx.scalar(
        text("SELECT reltuples::bigint FROM pg_class WHERE oid = to_regclass(:name)"),
        {"name": item.model.__tablename__},
    )
    return Count(max(estimate or 0, COUNTED_AT_MOST), exact=False)
