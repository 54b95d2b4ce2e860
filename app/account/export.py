"""Everything we hold on a person, as one JSON document. Spec: GDPR Art. 15 and 20."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol, TypeVar
from uuid import UUID

from app.account.errors import TooManyExports
from app.account.events import AccountExported
from app.account.history import PastSignIn, SignInHistory
from app.audit import history
from app.audit.event import Actor, ActorKind
from app.audit.history import PastEntry
from app.audit.service import AuditLog
from app.consents.service import Consent, Consents
from app.federation.identities.service import Identities, Linked
from app.foundation.clock import Clock, rfc3339
from app.foundation.db import Database, Transaction
from app.foundation.fresh import FreshAuth
from app.foundation.origin import Origin
from app.foundation.principal import Principal
from app.groups.service import Groups
from app.lifecycle.factor_set import FactorSet
from app.roles.assign import RoleAssignments
from app.sessions.listed import ListedSession
from app.sessions.service import Sessions
from app.trust.browser import ListedBrowser
from app.trust.service import TrustedBrowsers
from app.users.service import Users
from app.users.user import User

MAX_ROWS = 100_000
"""How many entries of one list an export holds at most, the newest; `cut_off` names the lists that had more."""

_PAGE = 500
_HOUR = timedelta(hours=1)


class _Row(Protocol):
    @property
    def id(self) -> UUID: ...


_AnyRow = TypeVar("_AnyRow", bound=_Row)
Read = Callable[[Transaction, UUID | None], Awaitable[Sequence[_AnyRow]]]


class AccountExport:
    """Hands a person what is kept of them. Secrets and hashes stay here: they say nothing about anybody."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        *,
        audit: AuditLog,
        users: Users,
        sessions: Sessions,
        roles: RoleAssignments,
        groups: Groups,
        factors: FactorSet,
        consents: Consents,
        identities: Identities,
        trusted: TrustedBrowsers,
        fresh: FreshAuth,
        per_hour: int,
    ) -> None:
        self._db = db
        self._clock = clock
        self._audit = audit
        self._users = users
        self._sessions = sessions
        self._roles = roles
        self._groups = groups
        self._factors = factors
        self._consents = consents
        self._identities = identities
        self._trusted = trusted
        self._fresh = fresh
        self._per_hour = per_hour
        self._sign_ins = SignInHistory(db)

    async def begin(self, caller: Principal, origin: Origin) -> AsyncIterator[str]:
        """Let the caller have an export, and return its text in pieces, which are read as they are asked for.

        Raises StaleAuthentication, TooManyExports.
        """
        self._fresh.require(caller)
        now = self._clock.now()
        async with self._db.transaction() as tx:
            # Held, so that of two requests at once the second counts the first.
            await self._users.hold(tx, caller.user_id)
            user = await self._users.get(tx, caller.user_id)
            taken = await history.count_since(tx, user.sub, kind=AccountExported.type, since=now - _HOUR)
            if taken < self._per_hour:
                actor = Actor(ActorKind.USER, user.sub)
                await self._audit.record(tx, AccountExported(actor=actor, origin=origin, subject=user.sub))
        if taken >= self._per_hour:
            raise TooManyExports(
                f"You may take {self._per_hour} exports an hour.", retry_after_seconds=int(_HOUR.total_seconds())
            )
        return self._pieces(user, now)

    async def _pieces(self, user: User, now: datetime) -> AsyncIterator[str]:
        cut_off: list[str] = []
        async with self._db.transaction() as tx:
            head = {"made_at": rfc3339(now), **await self._head(tx, user)}
        yield json.dumps(head)[:-1]
        async for piece in self._list("sessions", self._read_sessions(user), _session, cut_off):
            yield piece
        async for piece in self._list("sign_ins", self._read_sign_ins(user), _sign_in, cut_off):
            yield piece
        async for piece in self._list("log", self._read_log(user), lambda entry: _entry(entry, user.sub), cut_off):
            yield piece
        yield f', "cut_off": {json.dumps(cut_off)}}}\n'

    async def _head(self, tx: Transaction, user: User) -> dict[str, object]:
        roles = await self._roles.list_of(tx, user.id)
        groups = await self._groups.list_of(tx, user.id)
        consents = await self._consents.list(tx, user.id)
        trusted = await self._trusted.list_of(tx, user.id)
        linked = await self._identities.list_of(tx, user.id)
        return {
            "profile": {
                "sub": user.sub,
                "name": user.name,
                "status": user.status.value,
                "attributes": dict(user.attributes),
                "created_at": rfc3339(user.created_at),
            },
            "identifiers": [{"type": "email", "value": user.email, "verified_at": rfc3339(user.email_verified_at)}],
            "linked_identities": [_identity(identity) for identity in linked],
            "factors": await self._proofs(tx, user),
            "roles": [{"role": held.role, "audience": held.audience} for held in roles],
            "groups": [group.name for group in groups],
            "consents": [_consent(consent) for consent in consents],
            "trusted_browsers": [_browser(browser) for browser in trusted],
        }

    async def _proofs(self, tx: Transaction, user: User) -> list[dict[str, object]]:
        """The user's factors by their names and dates, without anything that proves."""
        confirmed_at = await self._factors.totp.confirmed_at(tx, user.id)
        codes = await self._factors.recovery_codes.count(tx, user.id)
        details: dict[str, list[dict[str, object]]] = {
            "totp": [{"confirmed_at": rfc3339(confirmed_at)}],
            "recovery_code": [{"remaining": codes.remaining, "created_at": rfc3339(codes.created_at)}],
            "passkey": [
                {
                    "name": passkey.name,
                    "is_synced": passkey.is_synced,
                    "created_at": rfc3339(passkey.created_at),
                    "last_used_at": rfc3339(passkey.last_used_at),
                }
                for passkey in await self._factors.passkeys.list_of(tx, user.id)
            ],
        }
        enrolled = await self._factors.registry.enrolled(tx, user.id)
        return [{"factor": name.value, **detail} for name in enrolled for detail in details.get(name.value, [{}])]

    def _read_sessions(self, user: User) -> Read[ListedSession]:
        return lambda tx, before: self._sessions.list_kept(tx, user.id, before=before, limit=_PAGE)

    def _read_sign_ins(self, user: User) -> Read[PastSignIn]:
        return lambda tx, before: self._sign_ins.list_of(tx, user.sub, before=before, limit=_PAGE)

    def _read_log(self, user: User) -> Read[PastEntry]:
        return lambda tx, before: history.list_of(tx, user.sub, before=before, limit=_PAGE)

    async def _list(
        self, name: str, read: Read[_AnyRow], shown: Callable[[_AnyRow], dict[str, object]], cut_off: list[str]
    ) -> AsyncIterator[str]:
        """A member of the document, a page at a time: no connection is held while the reader is slow."""
        yield f', "{name}": ['
        before, count = None, 0
        while True:
            async with self._db.transaction() as tx:
                rows = await read(tx, before)
            if rows:
                yield (", " if count else "") + ", ".join(json.dumps(shown(row)) for row in rows)
                before, count = rows[-1].id, count + len(rows)
            if len(rows) < _PAGE:
                break
            if count >= MAX_ROWS:
                cut_off.append(name)
                break
        yield "]"


def _session(session: ListedSession) -> dict[str, object]:
    return {
        "created_at": rfc3339(session.created_at),
        "renewed_at": rfc3339(session.renewed_at),
        "expires_at": rfc3339(session.expires_at),
        "ended_at": rfc3339(session.ended_at),
        "end_reason": session.end_reason,
        "amr": list(session.amr),
        "acr": session.acr,
        "ip": session.ip,
        "user_agent": session.user_agent,
    }


def _identity(identity: Linked) -> dict[str, object]:
    return {
        "provider": identity.connection_id,
        "issuer": identity.issuer,
        "subject": identity.subject,
        "email": identity.email,
        "linked_at": rfc3339(identity.created_at),
        "last_used_at": rfc3339(identity.last_used_at),
    }


def _consent(consent: Consent) -> dict[str, object]:
    return {
        "client_id": consent.client_id,
        "scopes": consent.of_the_person,
        "audiences": consent.at_audiences,
        "claims": sorted(consent.claims),
        "granted_at": rfc3339(consent.granted_at),
        "updated_at": rfc3339(consent.updated_at),
    }


def _browser(browser: ListedBrowser) -> dict[str, object]:
    return {
        "created_at": rfc3339(browser.created_at),
        "last_used_at": rfc3339(browser.last_used_at),
        "expires_at": rfc3339(browser.expires_at),
        "ip": browser.ip,
        "user_agent": browser.user_agent,
    }


def _sign_in(sign_in: PastSignIn) -> dict[str, object]:
    return {
        "at": rfc3339(sign_in.at),
        "result": sign_in.result.value,
        "reason": sign_in.reason,
        "factors": list(sign_in.factors),
        "ip": sign_in.ip,
        "device": sign_in.device,
        "audience": sign_in.audience,
    }


def _entry(entry: PastEntry, sub: str) -> dict[str, object]:
    """An entry about the person. Who else acted, and from where, is that one's own business."""
    is_theirs = entry.actor_kind is ActorKind.ANONYMOUS or entry.actor_id == sub
    return {
        "at": rfc3339(entry.at),
        "type": entry.type,
        "outcome": entry.outcome.value,
        "actor": "you" if entry.actor_id == sub else entry.actor_kind.value,
        "ip": entry.ip if is_theirs else None,
        "user_agent": entry.user_agent if is_theirs else None,
        "details": dict(entry.details),
    }
