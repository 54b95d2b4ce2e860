"""What administrators do to users, each use case one transaction."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from app.audiences.own import SELF
from app.audit.event import Actor, ActorKind
from app.audit.service import AuditLog
from app.factors.password.lockout import Lockout
from app.factors.password.service import PasswordContext, Passwords
from app.factors.service import Factors
from app.foundation.clock import Clock
from app.foundation.db import Database, Transaction
from app.foundation.etags import Precondition, etag_of
from app.foundation.mail.outbox import Mail, Outbox
from app.foundation.origin import Origin
from app.foundation.principal import Principal
from app.lifecycle.events import UserInvited
from app.lifecycle.interruption import Interruption
from app.links.service import PENDING, LinkKind, Links, WasntMe
from app.roles.assign import RoleAssignments
from app.roles.change import Authority
from app.roles.errors import RightNotHeld
from app.roles.rules import AssignedRole
from app.roles.service import Roles
from app.users.email import email_key
from app.users.errors import UserNotFound
from app.users.service import Users
from app.users.user import AttributeValue, Entry, User


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagedUser:
    """A user as administrators see them: what they hold, and the names of what they prove themselves by."""

    user: User
    roles: tuple[AssignedRole, ...]
    factors: tuple[str, ...]

    @property
    def etag(self) -> str:
        """The tag of what `UserAdministration.change` changes."""
        return etag_of_user(self.user)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAccount:
    """What an administrator says of a new user. Without a `password` the user sets one by a mailed link."""

    email: str
    name: str | None = None
    password: str | None = field(default=None, repr=False)
    verified: bool = False
    locale: str | None = None
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What an administrator changes of a user. With `renames` the name becomes `name`; None removes an attribute."""

    renames: bool = False
    name: str | None = None
    email: str | None = None
    verified: bool | None = None
    attributes: Mapping[str, AttributeValue | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UserAdministrationParts:
    """What is joined already."""

    db: Database
    clock: Clock
    audit: AuditLog
    users: Users
    passwords: Passwords
    lockout: Lockout
    factors: Factors
    roles: Roles
    assignments: RoleAssignments
    links: Links
    wasnt_me: WasntMe
    outbox: Outbox
    interruption: Interruption


class UserAdministration:
    """Makes and changes users for administrators. Nobody changes a user who may administer what they may not."""

    def __init__(self, parts: UserAdministrationParts) -> None:
        self._parts = parts
        self._db = parts.db
        self._users = parts.users

    async def show(self, sub: str) -> ManagedUser:
        """The user of this subject. Raises UserNotFound."""
        async with self._db.transaction() as tx:
            return await self._managed(tx, await self._get(tx, sub))

    async def target(self, sub: str, by: Principal) -> User:
        """The user of this subject, if the caller may change them. Raises UserNotFound, RightNotHeld."""
        async with self._db.transaction() as tx:
            user = await self._get(tx, sub)
            await self.require_not_above(tx, user, by)
        return user

    async def require_not_above(self, tx: Transaction, user: User, by: Principal) -> None:
        """Refuse a caller who lacks a right of the user's over this service: through the user they would have it.

        Raises RightNotHeld.
        """
        held = await self._parts.roles.held(tx, user.id, SELF)
        if not by.scopes.issuperset(held.permissions):
            raise RightNotHeld("They hold rights over this service that your token does not have.")

    async def create(self, new: NewAccount, *, by: Principal, origin: Origin) -> ManagedUser:
        """Make a user; one without a password is mailed a link to set it.

        Raises what `Users.create` raises, PasswordRefused, HashingBusy.
        """
        password_hash = None
        if new.password is not None:
            self._parts.passwords.check_choice(new.password, PasswordContext(email=new.email, name=new.name))
            password_hash = await self._parts.passwords.hash(new.password)
        actor = actor_of(by)
        async with self._db.transaction() as tx:
            user = await self._users.create(
                tx,
                email=new.email,
                entry=Entry.OPERATOR,
                origin=origin,
                name=new.name,
                actor=actor,
                verified=new.verified,
                attributes=new.attributes,
                locale=new.locale,
            )
            if password_hash is not None:
                await self._parts.passwords.set(tx, user.id, password_hash)
            else:
                await self._invite(tx, user, actor=actor, origin=origin)
            return await self._managed(tx, user)

    async def change(
        self, sub: str, changes: Changes, *, precondition: Precondition, by: Principal, origin: Origin
    ) -> ManagedUser:
        """Change a user. After a change of address every link under way is dead, and the old one is told.

        Raises UserNotFound, RightNotHeld, PreconditionFailed, NameRefused, EmailRefused, EmailTaken, AttributeRefused.
        """
        actor = actor_of(by)
        async with self._db.transaction() as tx:
            user = await self._users.hold(tx, (await self._get(tx, sub)).id)
            if user is None:
                raise UserNotFound
            await self.require_not_above(tx, user, by)
            precondition.require(etag_of_user(user))
            if changes.renames:
                await self._users.update_profile(tx, user.id, name=changes.name, actor=actor, origin=origin)
            if changes.email is not None and email_key(changes.email) != email_key(user.email):
                await self._move(tx, user, changes, actor=actor, origin=origin)
            elif changes.verified:
                await self._users.mark_verified(tx, user.id, actor=actor, origin=origin)
            for name, value in changes.attributes.items():
                await self._users.set_attribute(tx, user.id, name=name, value=value, actor=actor, origin=origin)
            return await self._managed(tx, await self._users.get(tx, user.id))

    async def unlock(self, sub: str, *, by: Principal, origin: Origin) -> ManagedUser:
        """Forget a user's wrong passwords. Raises UserNotFound, RightNotHeld."""
        async with self._db.transaction() as tx:
            user = await self._get(tx, sub)
            await self.require_not_above(tx, user, by)
            await self._parts.lockout.lift(tx, user, actor=actor_of(by), origin=origin)
            return await self._managed(tx, user)

    async def assign(self, sub: str, role: str, audience: str | None, *, by: Principal, origin: Origin) -> ManagedUser:
        """Give a user a role. Nobody gives a right over this service that they lack.

        Raises UserNotFound, RightNotHeld, OwnRights, RoleNotFound, AudienceNotFound.
        """
        async with self._db.transaction() as tx:
            user = await self._get(tx, sub)
            await self._parts.assignments.assign(
                tx,
                user_id=user.id,
                role=role,
                audience=audience,
                actor=actor_of(by),
                origin=origin,
                authority=Authority.of(by),
            )
            await self.require_not_above(tx, user, by)
            return await self._managed(tx, user)

    async def remove_role(
        self, sub: str, role: str, audience: str | None, *, by: Principal, origin: Origin
    ) -> ManagedUser:
        """Take a role from a user.

        Raises UserNotFound, RoleNotFound, RightNotHeld, LastAdministrator.
        """
        async with self._db.transaction() as tx:
            user = await self._get(tx, sub)
            await self.require_not_above(tx, user, by)
            await self._parts.assignments.remove(
                tx,
                user_id=user.id,
                role=role,
                audience=audience,
                actor=actor_of(by),
                origin=origin,
                authority=Authority.of(by),
            )
            return await self._managed(tx, user)

    async def _get(self, tx: Transaction, sub: str) -> User:
        user = await self._users.find_by_sub(tx, sub) if sub.isascii() and sub.isprintable() else None
        if user is None:
            raise UserNotFound("There is no such user.")
        return user

    async def _managed(self, tx: Transaction, user: User) -> ManagedUser:
        roles = await self._parts.assignments.list_of(tx, user.id)
        factors = await self._parts.factors.enrolled(tx, user.id)
        return ManagedUser(user=user, roles=tuple(roles), factors=tuple(factor.value for factor in factors))

    async def _invite(self, tx: Transaction, user: User, *, actor: Actor, origin: Origin) -> None:
        links = self._parts.links
        seconds = links.invitation_seconds
        url = await links.issue(tx, LinkKind.RESET_PASSWORD, user.id, email=user.email, seconds=seconds)
        mail = Mail(
            to=user.email,
            template="invitation",
            values={"url": url, "expires_in": seconds},
            locale=user.locale,
            user_id=user.id,
        )
        await self._parts.outbox.put(tx, mail)
        await self._parts.audit.record(tx, UserInvited(actor=actor, origin=origin, subject=user.sub))

    async def _move(self, tx: Transaction, user: User, changes: Changes, *, actor: Actor, origin: Origin) -> None:
        """Put another address in the place of the user's."""
        await self._users.change_email(
            tx, user.id, changes.email or "", actor=actor, origin=origin, verified=bool(changes.verified)
        )
        await self._users.note_changed_credentials(tx, user.id)
        await self._parts.links.end(tx, user.id, *PENDING)
        now: datetime = self._parts.clock.now()
        mail = Mail(
            to=user.email,
            template="email_changed_old",
            values={
                "new_email": changes.email or "",
                "at": now,
                "wasnt_me_url": await self._parts.wasnt_me.link(tx, user.id, restores=user.email),
            },
            locale=user.locale,
            user_id=user.id,
        )
        await self._parts.outbox.put(tx, mail)


def actor_of(caller: Principal) -> Actor:
    """The caller as the one who acts."""
    return Actor(ActorKind.USER, caller.sub)


def etag_of_user(user: User) -> str:
    """The tag of a user's own values: what hangs from them has tags of its own."""
    attributes = sorted(user.attributes.items())
    verified = user.email_verified_at is not None
    return etag_of(user.id, user.email, verified, user.name, user.locale, user.status, user.required_acr, attributes)
