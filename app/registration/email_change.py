"""Changing the address of an account: the new one is confirmed, the old one is warned."""

from datetime import datetime

from app.audit.event import Actor, ActorKind
from app.audit.service import AuditLog
from app.foundation.db import Database, Transaction
from app.foundation.mail.outbox import Mail, Outbox, Value
from app.foundation.origin import Origin
from app.limits.service import Limits
from app.links.service import LinkKind, Links, WasntMe
from app.registration.events import EmailChangeRequested
from app.registration.verification import account_exists
from app.users.email import email_key, parse_email
from app.users.service import Users
from app.users.user import User


class EmailChange:
    """Begins a change of address; the link in the mail to the new one ends it, by `EmailVerification.confirm`.

    What is asked is noted by one statement whether the address is free or not; the worker does the rest.
    """

    def __init__(
        self,
        db: Database,
        *,
        users: Users,
        links: Links,
        wasnt_me: WasntMe,
        outbox: Outbox,
        limits: Limits,
        audit: AuditLog,
    ) -> None:
        self._db = db
        self._users = users
        self._links = links
        self._wasnt_me = wasnt_me
        self._outbox = outbox
        self._limits = limits
        self._audit = audit

    async def request(self, tx: Transaction, user: User, email: str, origin: Origin) -> None:
        """Ask that this become the user's address. Raises EmailRefused."""
        address = parse_email(email)
        actor = Actor(ActorKind.USER, user.sub)
        event = EmailChangeRequested(actor=actor, origin=origin, subject=user.sub, new_email=address.typed)
        await self._audit.record(tx, event)

    async def send(self, subject: str, new_email: str, *, at: datetime) -> None:
        """Mail a link to the new address and a warning to the old one.

        The owner of an address that has another account is told of it instead; the old one is warned all the same.
        """
        key = email_key(new_email)
        if not await self._limits.mail(key):
            return
        async with self._db.transaction() as tx:
            user = await self._users.find_by_sub(tx, subject)
            if user is None or not user.is_active:
                return
            owner = await self._users.find_by_key(tx, key)
            if owner is not None and owner.id != user.id:
                await self._outbox.put(tx, account_exists(owner, self._links))
            else:
                await self._invite(tx, user, new_email)
            await self._warn(tx, user, new_email, at=at)

    async def _invite(self, tx: Transaction, user: User, new_email: str) -> None:
        url = await self._links.issue(tx, LinkKind.CHANGE_EMAIL, user.id, email=new_email)
        values: dict[str, Value] = {"url": url, "expires_in": self._links.seconds(LinkKind.CHANGE_EMAIL)}
        mail = Mail(to=new_email, template="email_changed_new", values=values, locale=user.locale, user_id=user.id)
        await self._outbox.put(tx, mail)

    async def _warn(self, tx: Transaction, user: User, new_email: str, *, at: datetime) -> None:
        # An address that was never confirmed may be a stranger's: theirs must not take the account back.
        restores = user.email if user.is_verified else None
        wasnt_me_url = await self._wasnt_me.link(tx, user.id, restores=restores)
        values: dict[str, Value] = {"new_email": new_email, "at": at, "wasnt_me_url": wasnt_me_url}
        mail = Mail(to=user.email, template="email_changed_old", values=values, locale=user.locale, user_id=user.id)
        await self._outbox.put(tx, mail)
