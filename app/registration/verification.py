"""Confirming that an address is its user's."""

from app.audit.event import ANONYMOUS, Actor, ActorKind
from app.audit.service import AuditLog
from app.foundation.db import Database, Transaction
from app.foundation.mail.outbox import Mail, Outbox, Value
from app.foundation.origin import Origin
from app.limits.service import Limits
from app.links.errors import InvalidLink
from app.links.service import Link, LinkKind, Links
from app.registration.events import EmailVerificationRequested
from app.users.email import email_key, find_key
from app.users.errors import EmailTaken
from app.users.service import Users
from app.users.user import User

_KINDS = (LinkKind.VERIFY_EMAIL, LinkKind.CHANGE_EMAIL)


class EmailVerification:
    """Sends links to addresses and takes them back.

    A request only notes what was asked, by the same statement for every address; the worker looks the account up. So
    neither an answer nor its time tells who has one.
    """

    def __init__(
        self, db: Database, *, users: Users, links: Links, outbox: Outbox, limits: Limits, audit: AuditLog
    ) -> None:
        self._db = db
        self._users = users
        self._links = links
        self._outbox = outbox
        self._limits = limits
        self._audit = audit

    async def request(self, email: str, origin: Origin) -> None:
        """Have a link sent to this address if an account waits for it. Raises DatabaseUnavailable alone."""
        event = EmailVerificationRequested(actor=ANONYMOUS, origin=origin, identifier=find_key(email))
        async with self._db.transaction() as tx:
            await self._audit.record(tx, event)

    async def send_to_owner_of(self, identifier: str) -> None:
        """Mail a link to the address of this key, where an account waits for it."""
        async with self._db.transaction() as tx:
            user = await self._users.find_by_email(tx, identifier)
        await self._send(user)

    async def send(self, subject: str) -> None:
        """Mail a link to this user, where their address is not confirmed yet."""
        async with self._db.transaction() as tx:
            user = await self._users.find_by_sub(tx, subject)
        await self._send(user)

    async def tell_of_account(self, subject: str) -> None:
        """Tell a user by mail that somebody tried to sign up with their address."""
        async with self._db.transaction() as tx:
            user = await self._users.find_by_sub(tx, subject)
        if user is not None and user.is_active and await self._limits.mail(email_key(user.email)):
            async with self._db.transaction() as tx:
                await self._outbox.put(tx, account_exists(user, self._links))

    async def pending(self, raw_token: str) -> str | None:
        """The address that this token would confirm; nothing changes."""
        link = await self._links.find(raw_token, *_KINDS)
        return None if link is None else link.email

    async def confirm(self, raw_token: str, origin: Origin) -> None:
        """Take the address for its user's; a new one takes the old one's place. Raises InvalidLink.

        An address that was given to another account meanwhile is not told from a link that expired.
        """
        found = await self._links.find(raw_token, *_KINDS)
        if found is None:
            raise InvalidLink
        async with self._db.transaction() as tx:
            user = await self._users.hold(tx, found.user_id)
            link = await self._links.claim(tx, raw_token, *_KINDS)
            if user is None or link is None or not await self._confirm(tx, user, link, origin):
                raise InvalidLink

    async def _confirm(self, tx: Transaction, user: User, link: Link, origin: Origin) -> bool:
        if not user.is_active or link.email is None:
            return False
        actor = Actor(ActorKind.USER, user.sub)
        if link.kind is LinkKind.VERIFY_EMAIL:
            if email_key(link.email) != email_key(user.email):
                return False
            await self._users.mark_verified(tx, user.id, actor=actor, origin=origin)
            return True
        try:
            await self._users.change_email(tx, user.id, link.email, actor=actor, origin=origin)
        except EmailTaken:
            return False
        # They went to the mailbox that is the user's no more.
        await self._links.end(tx, user.id, LinkKind.VERIFY_EMAIL, LinkKind.RESET_PASSWORD)
        return True

    async def _send(self, user: User | None) -> None:
        if user is None or not user.is_active or user.is_verified:
            return
        if not await self._limits.mail(email_key(user.email)):
            return
        async with self._db.transaction() as tx:
            url = await self._links.issue(tx, LinkKind.VERIFY_EMAIL, user.id, email=user.email)
            values: dict[str, Value] = {"url": url, "expires_in": self._links.seconds(LinkKind.VERIFY_EMAIL)}
            await self._outbox.put(
                tx, Mail(to=user.email, template="verify_email", values=values, locale=user.locale, user_id=user.id)
            )


def account_exists(user: User, links: Links) -> Mail:
    """The mail to an owner whose address somebody else, or they themselves, tried to use for another account."""
    values: dict[str, Value] = {"login_url": links.address("/"), "reset_url": links.address("/password/forgot")}
    return Mail(to=user.email, template="account_exists", values=values, locale=user.locale, user_id=user.id)
