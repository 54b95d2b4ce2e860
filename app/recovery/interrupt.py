"""What the link "this was not me" does."""

from datetime import timedelta

from app.audit.event import Actor, ActorKind
from app.audit.service import AuditLog
from app.foundation.clock import Clock
from app.foundation.db import Database, Transaction
from app.foundation.origin import Origin
from app.lifecycle.interruption import Interruption
from app.lifecycle.second_factors import By, SecondFactors
from app.links.errors import InvalidLink
from app.links.service import Link, LinkKind, Links
from app.recovery.events import AccountInterrupted
from app.recovery.service import ResetMails
from app.roles.rights import take_turn
from app.users.email import email_key
from app.users.errors import EmailTaken
from app.users.service import Users
from app.users.user import User


class OwnersInterruption:
    """Ends everything in an account at its owner's word, and mails them a link for a new password."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        *,
        users: Users,
        links: Links,
        interruption: Interruption,
        factors: SecondFactors,
        mails: ResetMails,
        audit: AuditLog,
    ) -> None:
        self._db = db
        self._clock = clock
        self._users = users
        self._links = links
        self._interruption = interruption
        self._factors = factors
        self._mails = mails
        self._audit = audit

    async def is_pending(self, raw_token: str) -> bool:
        """Whether this token would stop anything; nothing changes."""
        return await self._links.find(raw_token, LinkKind.WASNT_ME) is not None

    async def interrupt(self, raw_token: str, origin: Origin) -> None:
        """End every session, API key, sign-in in mid-flow and pending link, and mail a link for a new password.

        What was added within the time that such a link is good, by which a stranger could come back, goes too:
        identities of other providers, passkeys, an authenticator app and recovery codes.
        A link from a warning of a change of address gives the account its former address back, unless another account
        has it by now. Raises InvalidLink.
        """
        found = await self._links.find(raw_token, LinkKind.WASNT_ME)
        if found is None:
            raise InvalidLink
        async with self._db.transaction() as tx:
            await take_turn(tx)
            user = await self._users.hold(tx, found.user_id)
            link = await self._links.claim(tx, raw_token, LinkKind.WASNT_ME)
            if user is None or link is None:
                raise InvalidLink
            await self._interrupt(tx, link, user, origin)

    async def _interrupt(self, tx: Transaction, link: Link, user: User, origin: Origin) -> None:
        actor = Actor(ActorKind.USER, user.sub)
        ended = await self._interruption.end_everything(tx, user, reason="wasnt_me", actor=actor, origin=origin)
        keys = await self._interruption.end_keys(tx, user, reason="wasnt_me", actor=actor, origin=origin)
        since = self._clock.now() - timedelta(seconds=self._links.seconds(LinkKind.WASNT_ME))
        identities = await self._interruption.end_identities(tx, user, since=since, actor=actor, origin=origin)
        factors = await self._factors.remove_added_since(tx, user, since, by=By(actor=actor, origin=origin))
        restored = await self._restored(tx, link, user, actor, origin)
        event = AccountInterrupted(
            actor=actor,
            origin=origin,
            subject=user.sub,
            sessions=ended,
            api_keys=keys,
            identities=identities,
            factors=factors,
            restored=restored is not None,
        )
        await self._audit.record(tx, event)
        if user.is_active:
            await self._mails.put(tx, restored or user)

    async def _restored(self, tx: Transaction, link: Link, user: User, actor: Actor, origin: Origin) -> User | None:
        if link.email is None or email_key(link.email) == email_key(user.email):
            return None
        try:
            return await self._users.change_email(tx, user.id, link.email, actor=actor, origin=origin)
        except EmailTaken:
            return None
