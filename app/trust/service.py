"""Trusting browsers, recognizing them at sign-in, and trusting them no longer."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from app.audit.event import Actor, ActorKind
from app.audit.service import AuditLog
from app.foundation.browser import BrowserSignIn, SessionCookie
from app.foundation.clock import Clock
from app.foundation.db import Transaction
from app.foundation.ids import new_id
from app.foundation.origin import Origin
from app.foundation.secrets import hash_secret, random_secret
from app.protocols.assurance import ACR, MULTI_FACTOR, Assurance
from app.trust import store
from app.trust.browser import ListedBrowser
from app.trust.errors import TrustedBrowserNotFound
from app.trust.events import BrowserTrusted, BrowserTrustEnded, TrustedBrowserUsed
from app.users.user import User

_FORM = re.compile(r"tb_[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustPolicy:
    """How long a browser stays trusted; no time at all turns it off.

    `is_a_factor` says that it counts as a second factor where one is required: by the deployment, a user, a role, an
    audience, or a client's `acr_values`. Otherwise it spares only those that nothing requires.
    """

    lifetime: timedelta
    is_a_factor: bool = False


class TrustedBrowsers:
    """The browsers that users trust."""

    def __init__(self, clock: Clock, audit: AuditLog, policy: TrustPolicy) -> None:
        self._clock = clock
        self._audit = audit
        self._policy = policy

    def may_spare(self, required: ACR) -> bool:
        """Whether a trusted browser may stand in for the second factor of a sign-in of which this is required."""
        if not self._policy.lifetime:
            return False
        return required is ACR.AAL1 or (required is ACR.AAL2 and self._policy.is_a_factor)

    @property
    def lifetime_seconds(self) -> int:
        """How long a browser stays trusted."""
        return int(self._policy.lifetime.total_seconds())

    def assurance(self, proven: Assurance, required: ACR) -> Assurance:
        """What a sign-in amounts to in a trusted browser: what was proven, and no more unless policy says so."""
        if required is ACR.AAL1:
            return proven
        return replace(proven, amr=(*proven.amr, MULTI_FACTOR), acr=ACR.AAL2)

    async def recognize(self, tx: Transaction, user: User, browser: BrowserSignIn, origin: Origin) -> bool:
        """Whether this user trusts this browser; it is noted where they do. Nothing else may follow from it."""
        if browser.trusted is None or _FORM.fullmatch(browser.trusted) is None:
            return False
        now, since = self._moments()
        found = await store.use(
            tx,
            hash_secret(browser.trusted),
            user.id,
            credentials_version=user.credentials_version,
            now=now,
            since=since,
        )
        if found is None:
            return False
        event = TrustedBrowserUsed(
            actor=Actor(ActorKind.USER, user.sub), origin=origin, subject=user.sub, browser_id=str(found)
        )
        await self._audit.record(tx, event)
        return True

    async def trust(self, tx: Transaction, user: User, browser: BrowserSignIn, origin: Origin) -> SessionCookie:
        """Trust a browser in which the user has just proven a second factor; return the cookie that it shall hold."""
        now, raw_value = self._clock.now(), f"tb_{random_secret()}"
        browser_id = new_id(now)
        values = {
            "id": browser_id,
            "user_id": user.id,
            "token_hash": hash_secret(raw_value),
            "replaces": None if browser.trusted is None else hash_secret(browser.trusted),
            "credentials_version": user.credentials_version,
            "ip": origin.ip,
            "user_agent": origin.user_agent,
            "created_at": now,
            "expires_at": now + self._policy.lifetime,
        }
        await store.add(tx, values)
        event = BrowserTrusted(
            actor=Actor(ActorKind.USER, user.sub), origin=origin, subject=user.sub, browser_id=str(browser_id)
        )
        await self._audit.record(tx, event)
        return SessionCookie(raw_value=raw_value, max_age_seconds=self.lifetime_seconds)

    async def list_of(self, tx: Transaction, user_id: UUID) -> Sequence[ListedBrowser]:
        """The browsers that a user trusts, newest first: at most as many as `store.MOST_OF_A_USER`."""
        now, since = self._moments()
        return await store.list_of(tx, user_id, now=now, since=since)

    async def end(self, tx: Transaction, user_id: UUID, browser_id: UUID, *, sub: str, origin: Origin) -> None:
        """Trust a browser no longer. Raises TrustedBrowserNotFound."""
        if not await self._end(tx, user_id, browser_id, sub=sub, origin=origin):
            raise TrustedBrowserNotFound

    async def end_all(self, tx: Transaction, user_id: UUID, *, sub: str, origin: Origin) -> None:
        """Trust no browser any longer."""
        await self._end(tx, user_id, None, sub=sub, origin=origin)

    async def forget(self, tx: Transaction, user_id: UUID) -> None:
        """Delete all that is kept of a user who goes for good."""
        await store.forget(tx, user_id)

    async def _end(self, tx: Transaction, user_id: UUID, browser_id: UUID | None, *, sub: str, origin: Origin) -> bool:
        now, since = self._moments()
        gone = await store.remove(tx, user_id, browser_id, now=now, since=since)
        for each in gone:
            actor = Actor(ActorKind.USER, sub)
            await self._audit.record(
                tx, BrowserTrustEnded(actor=actor, origin=origin, subject=sub, browser_id=str(each))
            )
        return bool(gone)

    def _moments(self) -> tuple[datetime, datetime]:
        now = self._clock.now()
        return now, now - self._policy.lifetime
