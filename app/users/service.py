"""Making, finding and changing users."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from app.audit.event import Actor, ActorKind
from app.audit.service import AuditLog
from app.foundation.clock import Clock, rfc3339
from app.foundation.db import Transaction
from app.foundation.ids import new_id
from app.foundation.origin import Origin
from app.foundation.secrets import random_bytes
from app.protocols.assurance import ACR
from app.users import store
from app.users.email import EmailKey, find_key, fold, parse_email
from app.users.errors import EmailTaken, SignUpClosed, UserNotFound
from app.users.events import UserClosed, UserCreated, UserDeleted, UserReactivated, UserSuspended, UserUpdated
from app.users.search import UserQuery, search
from app.users.user import AttributeValue, Entry, User, UserStatus, check_attribute, check_attributes, parse_name

MAX_PAGE = 200


class Users:
    """The users of this deployment. `signup_open` says whether people make accounts by themselves."""

    def __init__(self, clock: Clock, audit: AuditLog, *, signup_open: bool) -> None:
        self._clock = clock
        self._audit = audit
        self._signup_open = signup_open

    def require_open(self, entry: Entry) -> None:
        """Refuse a way in that is closed. Raises SignUpClosed."""
        if entry is Entry.SIGN_UP and not self._signup_open:
            raise SignUpClosed("An operator makes the accounts here.")

    async def create(
        self,
        tx: Transaction,
        *,
        email: str,
        entry: Entry,
        origin: Origin,
        name: str | None = None,
        actor: Actor | None = None,
        verified: bool = False,
        attributes: Mapping[str, AttributeValue] | None = None,
        locale: str | None = None,
    ) -> User:
        """Make a user; without an `actor` the new user acted.

        `verified` is the operator's word that the address is the user's. Raises EmailRefused, NameRefused,
        AttributeRefused, SignUpClosed, and EmailTaken, after which the transaction can still be used.
        """
        self.require_open(entry)
        for attribute, value in (attributes or {}).items():
            check_attribute(attribute, value)
        check_attributes(attributes or {})
        address, now = parse_email(email), self._clock.now()
        user = User(
            id=new_id(now),
            sub=str(UUID(bytes=random_bytes(16), version=4)),
            email=address.typed,
            email_verified_at=now if verified else None,
            name=parse_name(name),
            attributes=dict(attributes or {}),
            status=UserStatus.ACTIVE,
            credentials_version=0,
            locale=locale,
            created_at=now,
        )
        if not await store.add(tx, user, address, entry):
            raise EmailTaken("This e-mail address already has an account. Log in instead.")
        by = actor or Actor(ActorKind.USER, user.sub)
        await self._audit.record(tx, UserCreated(actor=by, origin=origin, subject=user.sub, entry=entry.value))
        return user

    async def any_demo(self, tx: Transaction) -> bool:
        """Whether users of the demo are here, whose passwords anyone can read."""
        return await store.any_demo(tx)

    async def find(self, tx: Transaction, user_id: UUID) -> User | None:
        """The user of this row id."""
        return await store.find(tx, user_id)

    async def get(self, tx: Transaction, user_id: UUID) -> User:
        """The user of this row id. Raises UserNotFound."""
        return _present(await store.find(tx, user_id))

    async def hold(self, tx: Transaction, user_id: UUID) -> User | None:
        """The user of this row id, whom nobody else changes until the transaction ends."""
        return await store.hold(tx, user_id)

    async def find_by_sub(self, tx: Transaction, sub: str) -> User | None:
        """The user of this subject."""
        return await store.find_by_sub(tx, sub)

    async def find_by_email(self, tx: Transaction, email: str) -> User | None:
        """The user of this address in any spelling; None also when the text is no address."""
        key = find_key(email)
        return None if key is None else await self.find_by_key(tx, key)

    async def find_by_key(self, tx: Transaction, key: EmailKey) -> User | None:
        """The user whose address has this key."""
        return await store.find_by_key(tx, key)

    async def update_profile(
        self, tx: Transaction, user_id: UUID, *, name: str | None, actor: Actor, origin: Origin
    ) -> User:
        """Set the user's name, or take it away. Raises UserNotFound, NameRefused."""
        parsed = parse_name(name)
        values = {"name": parsed, "name_key": None if parsed is None else fold(parsed)}
        changed = await store.change(tx, user_id, now=self._clock.now(), values=values)
        user = _present(changed)
        await self._audit.record(tx, UserUpdated(actor=actor, origin=origin, subject=user.sub, changed="name"))
        return user

    async def set_attribute(
        self,
        tx: Transaction,
        user_id: UUID,
        *,
        name: str,
        value: AttributeValue | None,
        actor: Actor,
        origin: Origin,
    ) -> User:
        """Set a named attribute, which audiences may ask for as a claim; None removes it.

        Raises UserNotFound, AttributeRefused.
        """
        check_attribute(name, value)
        user = _present(await store.change_attribute(tx, user_id, now=self._clock.now(), name=name, value=value))
        if value is not None:
            check_attributes(user.attributes)
        changed = f"attributes.{name}"
        await self._audit.record(tx, UserUpdated(actor=actor, origin=origin, subject=user.sub, changed=changed))
        return user

    async def require_acr(
        self, tx: Transaction, user_id: UUID, acr: ACR | None, *, actor: Actor, origin: Origin
    ) -> User:
        """Say how well this user must prove who they are at every sign-in; None asks for nothing special.

        Sessions that are open stay as they are. Raises UserNotFound.
        """
        values = {"required_acr": None if acr is None else acr.value}
        user = _present(await store.change(tx, user_id, now=self._clock.now(), values=values))
        await self._audit.record(tx, UserUpdated(actor=actor, origin=origin, subject=user.sub, changed="required_acr"))
        return user

    async def set_status(
        self, tx: Transaction, user_id: UUID, status: UserStatus, *, actor: Actor, origin: Origin
    ) -> User:
        """Suspend or reactivate. Idempotent: without a change nothing is recorded. Raises UserNotFound.

        Sessions are not touched: `lifecycle` ends them in the same transaction.
        """
        changed = await store.change_status(tx, user_id, now=self._clock.now(), status=status)
        if changed is None:
            return await self.get(tx, user_id)
        kind = UserSuspended if status is UserStatus.SUSPENDED else UserReactivated
        await self._audit.record(tx, kind(actor=actor, origin=origin, subject=changed.sub))
        return changed

    async def close(
        self, tx: Transaction, user_id: UUID, *, due_at: datetime, actor: Actor, origin: Origin
    ) -> User | None:
        """Close an active user's account, to be deleted at `due_at`; None where it is not active."""
        changed = await self._swap_status(tx, user_id, UserStatus.ACTIVE, UserStatus.CLOSED)
        if changed is not None:
            event = UserClosed(actor=actor, origin=origin, subject=changed.sub, due_at=rfc3339(due_at))
            await self._audit.record(tx, event)
        return changed

    async def reopen(self, tx: Transaction, user_id: UUID, *, origin: Origin) -> User | None:
        """Give a closed account back to its user; None where it is not closed, or suspended since."""
        changed = await self._swap_status(tx, user_id, UserStatus.CLOSED, UserStatus.ACTIVE)
        if changed is not None:
            by = Actor(ActorKind.USER, changed.sub)
            await self._audit.record(tx, UserReactivated(actor=by, origin=origin, subject=changed.sub))
        return changed

    async def _swap_status(self, tx: Transaction, user_id: UUID, old: UserStatus, new: UserStatus) -> User | None:
        return await store.change_status(tx, user_id, now=self._clock.now(), status=new, only_from=old)

    async def mark_verified(self, tx: Transaction, user_id: UUID, *, actor: Actor, origin: Origin) -> User:
        """Take the address for proven to be the user's. Idempotent. Raises UserNotFound."""
        changed = await store.verify_email(tx, user_id, now=self._clock.now())
        if changed is None:
            return await self.get(tx, user_id)
        event = UserUpdated(actor=actor, origin=origin, subject=changed.sub, changed="email_verified")
        await self._audit.record(tx, event)
        return changed

    async def change_email(
        self, tx: Transaction, user_id: UUID, email: str, *, actor: Actor, origin: Origin, verified: bool = True
    ) -> User:
        """Put another address in the place of the user's; `verified` is whether it is proven to be theirs.

        Raises UserNotFound, EmailRefused, and EmailTaken, after which the transaction can still be used.
        """
        if not await store.change_email(tx, user_id, parse_email(email), now=self._clock.now(), verified=verified):
            raise EmailTaken("This e-mail address already has an account.")
        user = await self.get(tx, user_id)
        await self._audit.record(tx, UserUpdated(actor=actor, origin=origin, subject=user.sub, changed="email"))
        return user

    async def note_changed_credentials(self, tx: Transaction, user_id: UUID) -> None:
        """Refuse every sign-in of this user that is under way with a credential as it was before.

        Raises UserNotFound.
        """
        _present(await store.count_change_of_credentials(tx, user_id, now=self._clock.now()))

    async def delete(self, tx: Transaction, user_id: UUID, *, actor: Actor, origin: Origin) -> User:
        """Delete the user's row and return what stood in it. Raises UserNotFound.

        What other features keep of the user is ended by `lifecycle` in the same transaction.
        """
        user = _present(await store.remove(tx, user_id))
        await self._audit.record(tx, UserDeleted(actor=actor, origin=origin, subject=user.sub))
        return user

    async def search(
        self, tx: Transaction, query: UserQuery, *, after: Sequence[str] | None = None, limit: int = 50
    ) -> tuple[User, ...]:
        """A page of what the query finds, behind the position `after`, which `UserQuery.position_of` tells."""
        return await search(tx, query, after=after, limit=limit)

    async def list(
        self, tx: Transaction, *, limit: int = 50, after: UUID | None = None, email_prefix: str | None = None
    ) -> tuple[User, ...]:
        """A page of users in the order in which they were made, after the row id `after`.

        `email_prefix` keeps the addresses that begin so, whatever their case.
        """
        prefix = None if email_prefix is None else fold(email_prefix)
        return await store.list_after(tx, after=after, limit=min(limit, MAX_PAGE), key_prefix=prefix)


def _present(user: User | None) -> User:
    if user is None:
        raise UserNotFound
    return user
