"""The one way to change what people may do: what every such change must respect, and what it means for tokens.

- Nobody raises their own rights, and nobody gives or takes rights at this service that they do not hold.
- Somebody is left who may administer all of this service.
- Whoever loses something loses it in the tokens that are out: their grants are replaced in the same transaction.
"""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from sqlalchemy import Select, literal, select

from app.audit.event import Actor, ActorKind
from app.foundation.db import Transaction
from app.foundation.origin import Origin
from app.foundation.principal import Principal
from app.roles import rights
from app.roles.errors import LastAdministrator, OwnRights, RightNotHeld
from app.users.models import User

# The operator's shell and the service's own start are above the rules that bind administrators to what they hold.
_UNBOUND = frozenset({ActorKind.OPERATOR, ActorKind.SYSTEM})


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """How far somebody may go who changes rights over the network.

    `user_id` is whose rights must not grow by it, None where no user acts; `permissions` are those at this service
    itself that came with the request.
    """

    user_id: UUID | None
    permissions: frozenset[str]

    @classmethod
    def of(cls, caller: Principal) -> "Authority":
        """What a request to this service itself came with."""
        return cls(user_id=caller.user_id, permissions=caller.scopes if caller.own else frozenset())


@dataclass(frozen=True, slots=True, kw_only=True)
class By:
    """Who changes rights, from where, and how far they may go. Operators and the service itself need no `authority`."""

    actor: Actor
    origin: Origin
    authority: Authority | None = None

    def __post_init__(self) -> None:
        # Fail closed: a route that forgets the caller's authority changes nothing.
        if self.authority is None and self.actor.kind not in _UNBOUND:
            raise RightNotHeld(detail=f"a {self.actor.kind.value} changes rights without any authority")


class LiveTokens(Protocol):
    """What can take the tokens of users out of use without signing anybody out."""

    async def replace(
        self, tx: Transaction, user_ids: Collection[UUID], *, reason: str, actor: Actor, origin: Origin
    ) -> int:
        """Refuse every access token that is out and let the refresh tokens go on; return how many grants it met."""
        ...


class RightsChange:
    """Wraps each change of rights, in the caller's transaction.

    Changes come one after another: two at once could each be harmless and together take the last administrator away,
    or raise whoever made them. The turn is taken before any user's row is held.
    """

    def __init__(self, tokens: LiveTokens) -> None:
        self._tokens = tokens

    @asynccontextmanager
    async def giving(self, tx: Transaction, by: By, *, given: Collection[str] = ()) -> AsyncIterator[None]:
        """Around what can only add rights. `given` are the permissions at this service itself that somebody gains.

        Raises RightNotHeld before anything is written, OwnRights after it.
        """
        require_held(by, given)
        await rights.take_turn(tx)
        async with self._without_own_gain(tx, by):
            yield

    @asynccontextmanager
    async def taking(
        self, tx: Transaction, by: By, *, who: Select[UUID], taken: Collection[str] = (), reason: str
    ) -> AsyncIterator[None]:
        """Around what takes rights away, and may add some. `who` selects the ids of the users it may meet.

        `taken` are the permissions at this service itself that they lose or gain. Raises RightNotHeld before
        anything is written, LastAdministrator and OwnRights after it.
        """
        require_held(by, taken)
        await rights.take_turn(tx)
        administered = await rights.has_administrator(tx)
        users = await rights.hold_users(tx, who)
        before = await rights.rights_of(tx, users[0]) if len(users) == 1 else None
        async with self._without_own_gain(tx, by):
            yield
        if administered and not await rights.has_administrator(tx):
            raise LastAdministrator("Nobody else may administer this service. Make another user admin first.")
        if before is not None and before.within(await rights.rights_of(tx, users[0])):
            return
        if users:
            await self._tokens.replace(tx, users, reason=reason, actor=by.actor, origin=by.origin)

    @asynccontextmanager
    async def _without_own_gain(self, tx: Transaction, by: By) -> AsyncIterator[None]:
        own = by.authority.user_id if by.authority is not None else None
        if own is None:
            yield
            return
        before = await rights.rights_of(tx, own)
        yield
        if not (await rights.rights_of(tx, own)).within(before):
            raise OwnRights("This would give you rights that you do not hold. Let another administrator do it.")


def require_held(by: By, permissions: Collection[str]) -> None:
    """Refuse to move permissions at this service itself that the caller does not hold. Raises RightNotHeld."""
    if by.authority is None:
        return
    missing = sorted(set(permissions) - by.authority.permissions)
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise RightNotHeld(f"Only who holds {missing[0]}{more} at this service may give or take that.")


async def require_dispensable(tx: Transaction, user_id: UUID) -> None:
    """Refuse to do without a user who alone may administer this service. Raises LastAdministrator.

    Call it before the user's row is changed: until the transaction ends no other administrator can go.
    """
    await rights.take_turn(tx)
    if await rights.has_administrator(tx, only=user_id) and not await rights.has_administrator(tx, but=user_id):
        raise LastAdministrator("Nobody else may administer this service. Make another user admin first.")


def one(user_id: UUID) -> Select[UUID]:
    """The statement that names one user."""
    return select(User.id).where(User.id == literal(user_id))
