"""Setting a new password in place of a forgotten one, by a link in a mail."""

from app.audit.event import ANONYMOUS, Actor, ActorKind
from app.audit.service import AuditLog
from app.factors.password.lockout import Lockout
from app.factors.password.service import PasswordContext, Passwords
from app.foundation.db import Database, Transaction
from app.foundation.mail.outbox import Mail, Outbox, Value
from app.foundation.origin import Origin
from app.lifecycle.interruption import Interruption
from app.limits.service import Limits
from app.links.errors import InvalidLink
from app.links.service import Link, LinkKind, Links, WasntMe
from app.recovery.events import PasswordResetRequested
from app.recovery.notice import PasswordNotice
from app.sessions.service import Sessions
from app.users.email import email_key, find_key
from app.users.service import Users
from app.users.user import User


class ResetMails:
    """Mails links that set a new password."""

    def __init__(self, *, links: Links, wasnt_me: WasntMe, outbox: Outbox) -> None:
        self._links = links
        self._wasnt_me = wasnt_me
        self._outbox = outbox

    async def put(self, tx: Transaction, user: User) -> None:
        """Mail a link to the user; the one before it is dead."""
        values: dict[str, Value] = {
            "url": await self._links.issue(tx, LinkKind.RESET_PASSWORD, user.id, email=user.email),
            "expires_in": self._links.seconds(LinkKind.RESET_PASSWORD),
            "wasnt_me_url": await self._wasnt_me.link(tx, user.id),
        }
        mail = Mail(to=user.email, template="password_reset", values=values, locale=user.locale, user_id=user.id)
        await self._outbox.put(tx, mail)


class PasswordRecovery:
    """The forgotten password.

    A request only notes what was asked, by the same statement for every address; the worker looks the account up.
    """

    def __init__(
        self,
        db: Database,
        *,
        users: Users,
        passwords: Passwords,
        lockout: Lockout,
        sessions: Sessions,
        links: Links,
        interruption: Interruption,
        mails: ResetMails,
        notice: PasswordNotice,
        limits: Limits,
        audit: AuditLog,
    ) -> None:
        self._db = db
        self._users = users
        self._passwords = passwords
        self._lockout = lockout
        self._sessions = sessions
        self._links = links
        self._interruption = interruption
        self._mails = mails
        self._notice = notice
        self._limits = limits
        self._audit = audit

    async def request(self, email: str, origin: Origin) -> None:
        """Have a link sent to this address if it has an account. Raises DatabaseUnavailable alone."""
        event = PasswordResetRequested(actor=ANONYMOUS, origin=origin, identifier=find_key(email))
        async with self._db.transaction() as tx:
            await self._audit.record(tx, event)

    async def send(self, identifier: str) -> None:
        """Mail a link to the address of this key, where it has an account that may act."""
        async with self._db.transaction() as tx:
            user = await self._users.find_by_email(tx, identifier)
        if user is not None and user.is_active and await self._limits.mail(email_key(user.email)):
            async with self._db.transaction() as tx:
                await self._mails.put(tx, user)

    async def pending(self, raw_token: str) -> str | None:
        """The address whose password this token would set; nothing changes."""
        link = await self._links.find(raw_token, LinkKind.RESET_PASSWORD)
        return None if link is None else link.email

    async def reset(self, raw_token: str, new_password: str, origin: Origin) -> None:
        """Set the password, end every session and tell the owner. Nobody is signed in by it.

        Second factors stay, and are asked for at the next sign-in. A lockout ends, and the address is confirmed: its
        mailbox received the link. Raises InvalidLink; PasswordRefused and HashingBusy leave the link as it is.
        """
        link = await self._links.find(raw_token, LinkKind.RESET_PASSWORD)
        if link is None:
            raise InvalidLink
        async with self._db.transaction() as tx:
            user = await self._users.find(tx, link.user_id)
        if user is None:
            raise InvalidLink
        context = PasswordContext(email=user.email, name=user.name)
        self._passwords.check_choice(new_password, context, pointer="/new_password")
        password_hash = await self._passwords.hash(new_password)
        async with self._db.transaction() as tx:
            # The user's row is taken first: whoever signs in at this moment waits for it, or is seen here.
            present = await self._users.hold(tx, user.id)
            claimed = await self._links.claim(tx, raw_token, LinkKind.RESET_PASSWORD)
            if present is None or claimed is None or not await self._is_good(tx, claimed, present):
                raise InvalidLink
            await self._reset(tx, present, password_hash, origin)

    async def _is_good(self, tx: Transaction, link: Link, user: User) -> bool:
        """Whether the link still is of the user's mailbox, and they have not signed in since."""
        if not user.is_active or link.email is None or email_key(link.email) != email_key(user.email):
            return False
        return not await self._sessions.any_since(tx, user.id, link.created_at)

    async def _reset(self, tx: Transaction, user: User, password_hash: str, origin: Origin) -> None:
        actor = Actor(ActorKind.USER, user.sub)
        await self._passwords.set(tx, user.id, password_hash)
        await self._users.mark_verified(tx, user.id, actor=actor, origin=origin)
        await self._lockout.lift(tx, user, actor=actor, origin=origin)
        await self._interruption.end_everything(tx, user, reason="password_reset", actor=actor, origin=origin)
        await self._notice.give(tx, user, actor=actor, origin=origin)
