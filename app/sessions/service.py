"""Starting, ending and listing sessions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from app.audit.event import Actor, ActorKind
from app.audit.service import AuditLog
from app.foundation.browser import BrowserSignIn, SessionCookie, new_session_value
from app.foundation.clock import Clock
from app.foundation.db import Transaction
from app.foundation.ids import new_id
from app.foundation.origin import Origin
from app.foundation.secrets import hash_secret, random_id
from app.protocols.assurance import Assurance, Evidence
from app.revocation.kinds import RevocationKind
from app.revocation.service import Revocations
from app.sessions import store
from app.sessions.events import SessionRevoked
from app.sessions.listed import ListedSession, listed
from app.sessions.models import Session
from app.sessions.settings import SessionSettings

_ACTOR_ENDED = "actor_session_ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Authentication:
    """How a user proved who they are. Spec: RFC 8176 for `amr`. `at` is when, None for just now."""

    amr: tuple[str, ...]
    acr: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLifetimes:
    """`idle` ends an unused session, `absolute` ends every session; a browser's has limits of its own.

    Spec: NIST SP 800-63B-4 §2.2.3.
    """

    idle: timedelta
    absolute: timedelta
    browser_idle: timedelta = timedelta(hours=1)
    browser_absolute: timedelta = timedelta(hours=24)

    @classmethod
    def of(cls, settings: SessionSettings, *, idle: timedelta) -> "SessionLifetimes":
        """The lifetimes that the settings say; `idle` is that of refresh tokens."""
        return cls(
            idle=idle,
            absolute=timedelta(seconds=settings.absolute_seconds),
            browser_idle=timedelta(seconds=settings.browser_idle_seconds),
            browser_absolute=timedelta(seconds=settings.browser_absolute_seconds),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedSession:
    """A session as the tokens under it need it. A browser's has its `cookie`, which is not kept in plain."""

    id: UUID
    sid: str
    user_id: UUID
    auth_time: datetime
    amr: tuple[str, ...]
    acr: str
    expires_at: datetime
    cookie: SessionCookie | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignOut:
    """Who ends a session, whose it is, and from where."""

    sid: str
    subject: str
    actor: Actor
    origin: Origin


class Sessions:
    """The sessions of users."""

    def __init__(self, clock: Clock, audit: AuditLog, revocations: Revocations, lifetimes: SessionLifetimes) -> None:
        self._clock = clock
        self._audit = audit
        self._revocations = revocations
        self._lifetimes = lifetimes

    async def start(
        self,
        tx: Transaction,
        *,
        user_id: UUID,
        credentials_version: int,
        authentication: Authentication,
        origin: Origin,
        browser: BrowserSignIn | None = None,
    ) -> StartedSession | None:
        """Open a session, or return None if the user was suspended or a credential changed in the meantime.

        A `browser` gets a session cookie and the shorter limits, and the session whose cookie it held before ends.
        The caller records the sign-in: it knows for which client and audience it was.
        """
        now = self._clock.now()
        idle = self._lifetimes.browser_idle if browser else self._lifetimes.idle
        absolute = self._lifetimes.browser_absolute if browser else self._lifetimes.absolute
        cookie = _fresh_cookie(absolute) if browser else None
        session = StartedSession(
            id=new_id(now),
            sid=random_id(),
            user_id=user_id,
            auth_time=authentication.at or now,
            amr=authentication.amr,
            acr=authentication.acr,
            expires_at=now + absolute,
            cookie=cookie,
        )
        values = {
            "id": session.id,
            "sid": session.sid,
            "user_id": user_id,
            "auth_time": session.auth_time,
            "amr": list(session.amr),
            "acr": session.acr,
            "ip": origin.ip,
            "user_agent": origin.user_agent,
            "created_at": now,
            "renewed_at": now,
            "idle_expires_at": min(now + idle, session.expires_at),
            "expires_at": session.expires_at,
            "cookie_hash": hash_secret(cookie.raw_value) if cookie else None,
            "idle_seconds": int(idle.total_seconds()) if browser else None,
        }
        opened = await store.add_for_active_user(tx, values, credentials_version=credentials_version)
        if opened and browser and browser.replaces:
            await self._end_replaced(tx, browser.replaces, origin)
        return session if opened else None

    async def rotate_cookie(self, tx: Transaction, session_id: UUID) -> SessionCookie | None:
        """Give a browser's session another cookie, after a step-up; the old one is dead when `tx` commits.

        None where the session is not live or no browser's. Spec: OWASP ASVS 5.0 §7.2.4.
        """
        now = self._clock.now()
        cookie = _fresh_cookie(timedelta())
        expires_at = await store.replace_cookie(tx, session_id, hash_secret(cookie.raw_value), now=now)
        if expires_at is None:
            return None
        return replace(cookie, max_age_seconds=int((expires_at - now).total_seconds()))

    async def _end_replaced(self, tx: Transaction, raw_cookie: str, origin: Origin) -> None:
        reason = "signed_in_again"
        found = await store.end_by_cookie(tx, hash_secret(raw_cookie), now=self._clock.now(), reason=reason)
        if found is not None:
            ended, sub = found
            await self._record(tx, [ended], subject=sub, reason=reason, actor=Actor(ActorKind.USER, sub), origin=origin)

    async def prove_again(
        self, tx: Transaction, session_id: UUID, *, credentials_version: int, evidence: Evidence
    ) -> Authentication | None:
        """Renew a session's `auth_time` and add to what was proven in it; `acr` is raised and never lowered.

        None if the session has ended, its user was suspended or a credential changed in the meantime. The caller
        records it.
        """
        now = self._clock.now()
        found = await store.lock_live(tx, session_id, credentials_version=credentials_version, now=now)
        if found is None:
            return None
        amr, acr = found
        # A session that an operator opened proves nothing yet: its `acr` is "0".
        proven = Assurance.held(amr, acr)
        renewed = proven.with_more(evidence)
        await store.renew_proof(tx, session_id, auth_time=now, amr=renewed.amr, acr=renewed.acr.value)
        return Authentication(amr=renewed.amr, acr=renewed.acr.value)

    async def end(self, tx: Transaction, sid: str, *, subject: str, reason: str, actor: Actor, origin: Origin) -> bool:
        """End one session by its `sid`; False where it was not live."""
        asked = SignOut(sid=sid, subject=subject, actor=actor, origin=origin)
        return sid in await self.end_each(tx, [asked], reason=reason)

    async def end_each(self, tx: Transaction, asked: Sequence[SignOut], *, reason: str) -> frozenset[str]:
        """End sessions by their `sid`, by as many statements as one takes; the `sid` of those that were live."""
        asked_for = {each.sid: each for each in asked}
        ended = await store.end_by_sids(tx, list(asked_for), now=self._clock.now(), reason=reason)
        await self._record_each(tx, {each: asked_for[each.sid] for each in ended}, reason=reason)
        return frozenset(each.sid for each in ended)

    async def end_listed(
        self,
        tx: Transaction,
        session_id: UUID,
        *,
        user_id: UUID,
        subject: str,
        actor: Actor,
        origin: Origin,
        reason: str = "ended_by_user",
    ) -> bool:
        """End one of a user's own sessions by its row id; False where there is no such live session of theirs."""
        condition = (Session.id == session_id) & store.listed_under(user_id)
        ended = await store.end(tx, condition, now=self._clock.now(), reason=reason)
        if ended and ended[0].user_id != user_id:
            subject = await store.sub_of(tx, ended[0].user_id) or subject
        await self._record(tx, ended, subject=subject, reason=reason, actor=actor, origin=origin)
        return bool(ended)

    async def end_all(
        self, tx: Transaction, user_id: UUID, *, subject: str, reason: str, actor: Actor, origin: Origin
    ) -> int:
        """End every session of a user and return how many there were, also those that are being opened meanwhile."""
        await store.hold_user(tx, user_id)
        ended = await store.end(tx, Session.user_id == user_id, now=self._clock.now(), reason=reason)
        await self._record(tx, ended, subject=subject, reason=reason, actor=actor, origin=origin)
        return len(ended)

    async def strengthen(self, tx: Transaction, session_id: UUID, evidence: Evidence) -> None:
        """Note what was proven in a session beyond its sign-in. `auth_time` stays: nobody signed in anew."""
        held = await store.find_assurance(tx, session_id)
        if held is not None:
            reached = Assurance.held(held.amr, held.acr).with_more(evidence)
            await store.set_assurance(tx, session_id, amr=reached.amr, acr=reached.acr.value)

    async def end_others(
        self,
        tx: Transaction,
        user_id: UUID,
        *,
        keep: UUID | None,
        subject: str,
        reason: str,
        actor: Actor,
        origin: Origin,
    ) -> int:
        """End every session of a user but the one of this row id, and return how many there were."""
        await store.hold_user(tx, user_id)
        condition = Session.user_id == user_id
        if keep is not None:
            condition &= Session.id != keep
        ended = await store.end(tx, condition, now=self._clock.now(), reason=reason)
        await self._record(tx, ended, subject=subject, reason=reason, actor=actor, origin=origin)
        return len(ended)

    async def is_live(self, tx: Transaction, session_id: UUID) -> bool:
        """Whether a session counts, for whoever holds its user's row: then it cannot end before they are done."""
        return await store.is_live(tx, session_id, now=self._clock.now())

    async def any_since(self, tx: Transaction, user_id: UUID, moment: datetime) -> bool:
        """Whether the user has signed in since then, however that session ended."""
        return await store.any_since(tx, user_id, moment)

    async def list_live(self, tx: Transaction, user_id: UUID, *, after: UUID | None, limit: int) -> list[ListedSession]:
        """A user's live sessions, newest first."""
        rows = await store.page(tx, user_id, now=self._clock.now(), after=after, limit=limit)
        return [listed(row) for row in rows]

    async def list_kept(
        self, tx: Transaction, user_id: UUID, *, before: UUID | None = None, limit: int
    ) -> list[ListedSession]:
        """Every session that is kept of a user, ended ones too, newest first."""
        return [listed(row) for row in await store.kept(tx, user_id, before=before, limit=limit)]

    async def forget(self, tx: Transaction, user_id: UUID) -> None:
        """Delete what is kept of a user's sessions, which say where they were and when. `end_all` comes before."""
        await store.remove(tx, user_id)

    async def _record(
        self, tx: Transaction, ended: list[store.Ended], *, subject: str, reason: str, actor: Actor, origin: Origin
    ) -> None:
        by = {each: SignOut(sid=each.sid, subject=subject, actor=actor, origin=origin) for each in ended}
        await self._record_each(tx, by, reason=reason)

    async def _record_each(self, tx: Transaction, ended: Mapping[store.Ended, SignOut], *, reason: str) -> None:
        """Record the end of sessions, end and record those in which their owners act, and revoke them all."""
        events = [_revoked(by, sid=each.sid, subject=by.subject, reason=reason) for each, by in ended.items()]
        by_id = {each.id: by for each, by in ended.items()}
        acting = await store.end_acting(tx, list(by_id), now=self._clock.now(), reason=_ACTOR_ENDED)
        events += [_revoked(by_id[each.of], sid=each.sid, subject=each.sub, reason=_ACTOR_ENDED) for each in acting]
        await self._audit.record_all(tx, events)
        sids = [each.sid for each in ended] + [each.sid for each in acting]
        await self._revocations.add_all(tx, RevocationKind.SID, sids, reason=reason)


def _revoked(by: SignOut, *, sid: str, subject: str, reason: str) -> SessionRevoked:
    return SessionRevoked(actor=by.actor, origin=by.origin, subject=subject, sid=sid, reason=reason)


def _fresh_cookie(lifetime: timedelta) -> SessionCookie:
    return SessionCookie(raw_value=new_session_value(), max_age_seconds=int(lifetime.total_seconds()))
