"""What a provider's rules give to its people: brought up to date at each sign-in, and taken when they unlink it."""

from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.audiences.errors import AudienceNotFound
from app.audit.event import SYSTEM, Actor
from app.federation.connector import Connection, FederatedIdentity
from app.federation.identities.service import Identities, Linked
from app.federation.providers.mapping import Given, HeldRole, map_claims
from app.foundation.db import Database, Transaction
from app.foundation.errors import ServiceError
from app.foundation.origin import Origin
from app.groups.errors import GroupNotFound, TooManyGroups
from app.groups.service import Groups
from app.protocols.trace import Trace
from app.roles.assign import RoleAssignments
from app.roles.change import By
from app.roles.errors import LastAdministrator, RoleNotFound
from app.roles.rights import take_turn
from app.users.user import User

# What a rule names may have gone since it was written; that is the rule's fault, and nobody's sign-in fails by it.
_SKIPPED: tuple[type[ServiceError], ...] = (
    RoleNotFound,
    AudienceNotFound,
    GroupNotFound,
    TooManyGroups,
    LastAdministrator,
)


class ProviderRights:
    """Gives what rules give now, and takes what they gave before and do not any more.

    What somebody else gave is left alone, also where a rule names it. Nothing is given by a name being equal.
    """

    def __init__(self, db: Database, *, identities: Identities, roles: RoleAssignments, groups: Groups) -> None:
        self._db = db
        self._identities = identities
        self._roles = roles
        self._groups = groups

    async def refresh(
        self, connection: Connection, identity: FederatedIdentity, user: User, trace: Trace, origin: Origin
    ) -> None:
        """Bring a user's roles and groups up to date; one transaction. Raises DatabaseUnavailable."""
        wanted = map_claims(identity.claims, connection.policy.rules)
        async with self._db.transaction() as tx:
            linked = await self._identities.find(tx, identity.issuer, identity.subject)
            if linked is None or await self._is_settled(tx, linked, user, wanted):
                return
            # Whoever unlinks takes the same turn: nothing is given to somebody who has unlinked meanwhile.
            await take_turn(tx)
            linked = await self._identities.find(tx, identity.issuer, identity.subject)
            if linked is not None:
                given = await self._change(tx, linked, user, wanted, trace=trace, origin=origin)
                await self._identities.note_given(tx, linked, given.as_json())

    async def withdraw(self, tx: Transaction, unlinked: Linked, user: User, origin: Origin) -> None:
        """Take what rules gave to an identity that is unlinked: nobody vouches for it any more.

        The caller took a turn (`roles.rights`) before it held any user's row. The last administrator stays one.
        """
        if unlinked.given:
            await self._change(tx, unlinked, user, Given(), trace=Trace(), origin=origin)

    async def unlink_since(self, tx: Transaction, user: User, since: datetime, *, actor: Actor, origin: Origin) -> int:
        """Take the identities from a user that came to the account since then, with their rights, as `withdraw`.

        Returns how many there were.
        """
        unlinked = await self._identities.unlink_since(tx, user, since, actor=actor, origin=origin)
        for linked in unlinked:
            await self.withdraw(tx, linked, user, origin)
        return len(unlinked)

    async def _is_settled(self, tx: Transaction, linked: Linked, user: User, wanted: Given) -> bool:
        before = Given.of(linked.given)
        if before == wanted == Given():
            return True
        held = await self._held(tx, user.id)
        is_theirs = before.roles <= wanted.roles & held.roles and before.groups <= wanted.groups & held.groups
        return is_theirs and wanted.roles <= held.roles and wanted.groups <= held.groups

    async def _change(
        self, tx: Transaction, linked: Linked, user: User, wanted: Given, *, trace: Trace, origin: Origin
    ) -> Given:
        change = _Change(tx, self._roles, self._groups, user, By(actor=SYSTEM, origin=origin), trace)
        return await change.make(before=Given.of(linked.given), wanted=wanted, held=await self._held(tx, user.id))

    async def _held(self, tx: Transaction, user_id: UUID) -> Given:
        roles = await self._roles.list_of(tx, user_id)
        groups = await self._groups.list_of(tx, user_id)
        return Given(
            roles=frozenset((one.audience, one.role) for one in roles), groups=frozenset(one.name for one in groups)
        )


@dataclass(frozen=True, slots=True)
class _Change:
    """The changes of one user, each whole or not at all."""

    tx: Transaction
    roles: RoleAssignments
    groups: Groups
    user: User
    by: By
    trace: Trace

    async def make(self, *, before: Given, wanted: Given, held: Given) -> Given:
        """Make them and return what rules have given by now."""
        roles, groups = before.roles & held.roles, before.groups & held.groups
        for role in sorted(roles - wanted.roles, key=str):
            if await self._done(f"role taken: {_named(role)}", self._take_role(role)):
                roles -= {role}
        for group in sorted(groups - wanted.groups):
            if await self._done(f"group taken: {group}", self._take_group(group)):
                groups -= {group}
        for role in sorted(wanted.roles - held.roles, key=str):
            if await self._done(f"role given: {_named(role)}", self._give_role(role)):
                roles |= {role}
        for group in sorted(wanted.groups - held.groups):
            if await self._done(f"group given: {group}", self._give_group(group)):
                groups |= {group}
        return Given(roles=roles, groups=groups)

    async def _done(self, what: str, change: Awaitable[object]) -> bool:
        try:
            async with self.tx.begin_nested():
                await change
        except _SKIPPED as refused:
            self.trace.check(what, passed=False, expected="possible", received=refused.title)
            return False
        return self.trace.check(what, passed=True)

    async def _give_role(self, role: HeldRole) -> None:
        await self.roles.assign(
            self.tx,
            user_id=self.user.id,
            role=role[1],
            audience=role[0],
            actor=self.by.actor,
            origin=self.by.origin,
        )

    async def _take_role(self, role: HeldRole) -> None:
        await self.roles.remove(
            self.tx,
            user_id=self.user.id,
            role=role[1],
            audience=role[0],
            actor=self.by.actor,
            origin=self.by.origin,
        )

    async def _give_group(self, name: str) -> None:
        group = await self.groups.get_by_name(self.tx, name)
        await self.groups.add_member(self.tx, group.id, self.user.sub, by=self.by)

    async def _take_group(self, name: str) -> None:
        group = await self.groups.get_by_name(self.tx, name)
        await self.groups.remove_member(self.tx, group.id, self.user.sub, by=self.by)


def _named(role: HeldRole) -> str:
    return role[1] if role[0] is None else f"{role[1]} at {role[0]}"
