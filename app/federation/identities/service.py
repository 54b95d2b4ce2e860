"""Linking identities to users, finding them again, and knowing which sessions rest on them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from sqlalchemy import Row

from app.audit.event import Actor
from app.audit.service import AuditLog
from app.federation.connector import ConnectorKind, FederatedIdentity, UpstreamLogout
from app.federation.identities import store
from app.federation.identities.decide import How
from app.federation.identities.events import IdentityLinked, IdentityUnlinked
from app.federation.identities.store import LiveSession
from app.foundation.clock import Clock
from app.foundation.db import Transaction
from app.foundation.encryption import Keyring
from app.foundation.ids import new_id
from app.foundation.origin import Origin
from app.users.user import User

__all__ = ["Identities", "Linked", "LiveSession", "Vouched"]

_PURPOSE = "upstream refresh token"
_MAX_EMAIL_CHARACTERS = 254


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """An identity and its user. `given` is what rules gave at the last sign-in, as `brokering` keeps it.

    `how` is none where it was linked before that was kept.
    """

    id: UUID
    issuer: str
    subject: str
    user_id: UUID
    connection_id: str
    kind: ConnectorKind | None
    email: str | None
    how: How | None
    given: Mapping[str, Any] = field(repr=False)
    created_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Vouched:
    """On whose word a session rests: it is kept with a sign-in until that comes to a session."""

    connection_id: str
    issuer: str
    subject: str
    session: str | None

    @classmethod
    def by(cls, identity: FederatedIdentity) -> Self:
        """What an identity vouches for."""
        return cls(
            connection_id=identity.connection_id,
            issuer=identity.issuer,
            subject=identity.subject,
            session=identity.session,
        )

    def as_json(self) -> dict[str, str | None]:
        """The form in which a sign-in keeps it."""
        return asdict(self)


class Identities:
    """The identities of users, in the caller's transaction."""

    def __init__(self, clock: Clock, keyring: Keyring, audit: AuditLog) -> None:
        self._clock = clock
        self._keyring = keyring
        self._audit = audit

    async def find(self, tx: Transaction, issuer: str, subject: str) -> Linked | None:
        """The identity of that issuer and subject, compared as whole strings."""
        row = await store.find(tx, issuer, subject)
        return None if row is None else _linked(row)

    async def list_of(self, tx: Transaction, user_id: UUID) -> Sequence[Linked]:
        """The identities of a user, the oldest first."""
        return [_linked(row) for row in await store.list_of(tx, user_id)]

    async def link(
        self,
        tx: Transaction,
        user: User,
        identity: FederatedIdentity,
        *,
        kind: ConnectorKind,
        how: How,
        actor: Actor,
        origin: Origin,
    ) -> bool:
        """Let an identity be a user's from now on; False where it is somebody's already.

        The caller holds the user's row, or has just made it, so that nobody is deleted meanwhile.
        """
        now = self._clock.now()
        values = {
            "id": new_id(now),
            "issuer": identity.issuer,
            "subject": identity.subject,
            "user_id": user.id,
            "connection_id": identity.connection_id,
            "kind": kind.value,
            "email": None if identity.email is None else identity.email[:_MAX_EMAIL_CHARACTERS],
            "how": how.value,
            "created_at": now,
        }
        if not await store.add(tx, values):
            return False
        event = IdentityLinked(
            actor=actor,
            origin=origin,
            subject=user.sub,
            provider=identity.connection_id,
            issuer=identity.issuer,
            how=how.value,
        )
        await self._audit.record(tx, event)
        return True

    async def note_use(
        self,
        tx: Transaction,
        linked: Linked,
        identity: FederatedIdentity,
        *,
        kind: ConnectorKind,
        keeps_refresh_token: bool,
    ) -> None:
        """Write that somebody came by an identity. A refresh token is kept where that is asked for, and else forgotten.

        A provider that gives none this time has not taken the last one back.
        """
        values: dict[str, Any] = {
            "last_used_at": self._clock.now(),
            "connection_id": identity.connection_id,
            "kind": kind.value,
        }
        raw_token = identity.refresh_token
        if not keeps_refresh_token:
            values["refresh_token"] = None
        elif raw_token is not None:
            values["refresh_token"] = self._keyring.encrypt(
                raw_token.encode(), purpose=_PURPOSE, bound_to=str(linked.id)
            )
        await store.change(tx, linked.id, values)

    async def note_given(self, tx: Transaction, linked: Linked, given: Mapping[str, Any]) -> None:
        """Write what the rules of its provider gave to an identity's user."""
        await store.change(tx, linked.id, {"given": dict(given)})

    async def unlink(
        self, tx: Transaction, user: User, identity_id: UUID, *, actor: Actor, origin: Origin, forced: bool = False
    ) -> Linked | None:
        """Take an identity from its user; None where it is none of theirs. `forced` is for the audit log."""
        row = await store.remove(tx, identity_id, user_id=user.id)
        if row is None:
            return None
        linked = _linked(row)
        event = IdentityUnlinked(
            actor=actor,
            origin=origin,
            subject=user.sub,
            provider=linked.connection_id,
            issuer=linked.issuer,
            forced=forced,
        )
        await self._audit.record(tx, event)
        return linked

    async def unlink_since(
        self, tx: Transaction, user: User, since: datetime, *, actor: Actor, origin: Origin
    ) -> Sequence[Linked]:
        """Take from a user what was linked to the account since then; what the account was made by stays."""
        added = [
            linked
            for linked in await self.list_of(tx, user.id)
            if linked.created_at >= since and linked.how is not How.CREATED
        ]
        for linked in added:
            await self.unlink(tx, user, linked.id, actor=actor, origin=origin)
        return added

    async def forget(self, tx: Transaction, user_id: UUID) -> int:
        """Delete what is kept of a user here, and return how many identities that were."""
        return await store.remove_all(tx, user_id)

    async def count_of(self, tx: Transaction, connection_id: str) -> int:
        """How many identities somebody came by this connection with, or linked."""
        return await store.count_of(tx, connection_id)

    async def remove_of(self, tx: Transaction, connection_id: str) -> None:
        """Forget the identities of a connection that goes, with what was kept of the provider's for each."""
        await store.remove_of(tx, connection_id)

    async def note_session(self, tx: Transaction, session_id: UUID, user_id: UUID, vouched: Vouched) -> None:
        """Note on whose word a session rests, in the transaction that opens it."""
        values = {
            "session_id": session_id,
            "user_id": user_id,
            "connection_id": vouched.connection_id,
            "issuer": vouched.issuer,
            "subject": vouched.subject,
            "upstream_session": vouched.session,
            "created_at": self._clock.now(),
        }
        await store.note_session(tx, values)

    async def follow_session(self, tx: Transaction, *, from_id: UUID, to_id: UUID) -> None:
        """Let a session that was opened by another one rest on the same word, if on any."""
        await store.copy_session(tx, from_id, to_id, now=self._clock.now())

    async def session_behind(self, tx: Transaction, sid: str) -> tuple[str, str] | None:
        """The connection and the session there that a session of ours rests on, where that has a name."""
        row = await store.session_behind(tx, sid)
        return None if row is None else (row.connection_id, row.upstream_session)

    async def sessions_over(self, tx: Transaction, connection_id: str, logout: UpstreamLogout) -> Sequence[LiveSession]:
        """The live sessions that rest on one that is over at the provider."""
        if logout.subject is None and logout.session is None:
            return ()
        return await store.live_sessions(tx, connection_id, logout, now=self._clock.now())


def _linked(row: Row[Any]) -> Linked:
    return Linked(
        id=row.id,
        issuer=row.issuer,
        subject=row.subject,
        user_id=row.user_id,
        connection_id=row.connection_id,
        kind=None if row.kind is None else ConnectorKind(row.kind),
        email=row.email,
        how=None if row.how is None else How(row.how),
        given=row.given,
        created_at=row.created_at,
        last_used_at=row.last_used_at,
    )
