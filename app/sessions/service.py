"""Starting, ending and listing sessions."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from app.audit.event import Actor
from app.audit.service import AuditLog
from app.foundation.clock import Clock
from app.foundation.db import Transaction
from app.foundation.ids import new_id
from app.foundation.origin import Origin
from app.foundation.secrets import random_id
from app.sessions import store
from app.sessions.events import SessionRevoked
from app.sessions.models import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Authentication:
    """How a user proved who they are. Spec: RFC 8176 for `amr`."""

    amr: tuple[str, ...]
    acr: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLifetimes:
    """`idle` ends an unused session, `absolute` ends every session."""

    idle: timedelta
    absolute: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedSession:
    """A session as the tokens under it need it."""

    id: UUID
    sid: str
    user_id: UUID
    auth_time: datetime
    amr: tuple[str, ...]
    acr: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedSession:
    """A live session as its owner sees it. `sid` is for comparison and is not shown."""

    id: UUID
    sid: str
    created_at: datetime
    renewed_at: datetime
    auth_time: datetime
    expires_at: datetime
    amr: tuple[str, ...]
    acr: str
    ip: str | None
    user_agent: str | None


class Sessions:
    """The sessions of users."""

    def __init__(self, clock: Clock, audit: AuditLog, lifetimes: SessionLifetimes) -> None:
        self._clock = clock
        self._audit = audit
        self._lifetimes = lifetimes

    async def start(
        self,
        tx: Transaction,
        *,
        user_id: UUID,
        credentials_version: int,
        authentication: Authentication,
        origin: Origin,
    ) -> StartedSession | None:
        """Open a session, or return None if the user was suspended or a credential changed in the meantime.

        The caller records the sign-in: it knows for which client and audience it was.
        """
        now = self._clock.now()
        session = StartedSession(
            id=new_id(now),
            sid=random_id(),
            user_id=user_id,
            auth_time=now,
            amr=authentication.amr,
            acr=authentication.acr,
            expires_at=now + self._lifetimes.absolute,
        )
        values = {
            "id": session.id,
            "sid": session.sid,
            "user_id": user_id,
            "auth_time": now,
            "amr": list(session.amr),
            "acr": session.acr,
            "ip": origin.ip,
            "user_agent": origin.user_agent,
            "created_at": now,
            "renewed_at": now,
            "idle_expires_at": min(now + self._lifetimes.idle, session.expires_at),
            "expires_at": session.expires_at,
        }
        opened = await store.add_for_active_user(tx, values, credentials_version=credentials_version)
        return session if opened else None

    async def end(self, tx: Transaction, sid: str, *, subject: str, reason: str, actor: Actor, origin: Origin) -> bool:
        """End one session by its `sid`; False where it was not live."""
        ended = await store.end(tx, Session.sid == sid, now=self._clock.now(), reason=reason)
        await self._record(tx, ended, subject=subject, reason=reason, actor=actor, origin=origin)
        return bool(ended)

    async def end_listed(
        self, tx: Transaction, session_id: UUID, *, user_id: UUID, subject: str, actor: Actor, origin: Origin
    ) -> bool:
        """End one of a user's own sessions by its row id; False where there is no such live session of theirs."""
        condition = (Session.id == session_id) & (Session.user_id == user_id)
        ended = await store.end(tx, condition, now=self._clock.now(), reason="ended_by_user")
        await self._record(tx, ended, subject=subject, reason="ended_by_user", actor=actor, origin=origin)
        return bool(ended)

    async def end_all(
        self, tx: Transaction, user_id: UUID, *, subject: str, reason: str, actor: Actor, origin: Origin
    ) -> int:
        """End every session of a user and return how many there were."""
        ended = await store.end(tx, Session.user_id == user_id, now=self._clock.now(), reason=reason)
        await self._record(tx, ended, subject=subject, reason=reason, actor=actor, origin=origin)
        return len(ended)

    async def list_live(self, tx: Transaction, user_id: UUID, *, after: UUID | None, limit: int) -> list[ListedSession]:
        """A user's live sessions, newest first."""
        rows = await store.page(tx, user_id, now=self._clock.now(), after=after, limit=limit)
        return [
            ListedSession(
                id=row.id,
                sid=row.sid,
                created_at=row.created_at,
                renewed_at=row.renewed_at,
                auth_time=row.auth_time,
                expires_at=min(row.expires_at, row.idle_expires_at),
                amr=tuple(row.amr),
                acr=row.acr,
                ip=row.ip,
                user_agent=row.user_agent,
            )
            for row in rows
        ]

    async def _record(
        self, tx: Transaction, ended: list[store.Ended], *, subject: str, reason: str, actor: Actor, origin: Origin
    ) -> None:
        for session in ended:
            event = SessionRevoked(actor=actor, origin=origin, subject=subject, sid=session.sid, reason=reason)
            await self._audit.record(tx, event)
