"""Deciding which users of a batch are new, and writing those with all that hangs from them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from app.audiences.own import SELF
from app.audiences.service import Audiences
from app.audit.event import Actor
from app.factors.password.service import Passwords
from app.foundation.clock import Clock
from app.foundation.db import Transaction
from app.foundation.origin import Origin
from app.groups.bulk import BulkMembers, KnownGroup, NewMember
from app.groups.rules import MAX_GROUPS_OF_A_USER
from app.roles.bulk import BulkAssignments, NewAssignment
from app.transfer.line import ReadUser
from app.transfer.progress import Refusal
from app.users.bulk import BulkUsers

Numbered = tuple[int, ReadUser]


@dataclass(slots=True)
class Outcome:
    """What became of a batch."""

    imported: int = 0
    present: int = 0
    refused: list[Refusal] = field(default_factory=list)


class Admission:
    """Writes a batch of users, in the caller's transaction."""

    def __init__(
        self,
        clock: Clock,
        *,
        users: BulkUsers,
        passwords: Passwords,
        roles: BulkAssignments,
        groups: BulkMembers,
        audiences: Audiences,
    ) -> None:
        self._clock = clock
        self._users = users
        self._passwords = passwords
        self._roles = roles
        self._groups = groups
        self._audiences = audiences

    async def admit(
        self,
        tx: Transaction,
        batch: Sequence[Numbered],
        *,
        by: Actor,
        origin: Origin,
        may_assign: bool,
        own_permissions: frozenset[str] | None,
    ) -> Outcome:
        """Write those who are not there yet.

        Roles and groups must exist, and may be given only where `may_assign` says so: of what they permit at this
        service itself no more than `own_permissions`, which bound nobody where they are None.
        """
        outcome = Outcome()
        if not batch:
            return outcome
        new = await self._new(tx, batch, outcome)
        known = await self._known(tx, may_assign=may_assign, own_permissions=own_permissions)
        allowed = []
        for line, read in new:
            fault = known.fault(read)
            if fault is None:
                allowed.append(read)
            else:
                outcome.refused.append(Refusal(line, *fault))
        now = self._clock.now()
        written = await self._users.add(tx, [read.user for read in allowed], now=now, actor=by, origin=origin)
        # Whoever is missing was made by somebody else at this very moment.
        made = [read for read in allowed if read.user.id in written]
        outcome.imported, outcome.present = len(made), outcome.present + len(allowed) - len(made)
        await self._passwords.add_imported(
            tx, {read.user.id: read.password_hash for read in made if read.password_hash is not None}
        )
        await self._roles.add(tx, _assignments(made, known.roles), now=now, actor=by, origin=origin)
        await self._groups.add(tx, _members(made, known.groups), now=now, actor=by, origin=origin)
        return outcome

    async def _known(self, tx: Transaction, *, may_assign: bool, own_permissions: frozenset[str] | None) -> "_Known":
        return _Known(
            roles=await self._roles.ids(tx),
            role_permissions=await self._roles.own_permissions(tx),
            groups=await self._groups.known(tx),
            audiences=frozenset({SELF, *(audience.name for audience in await self._audiences.list_all(tx))}),
            may_assign=may_assign,
            own_permissions=own_permissions,
        )

    async def _new(self, tx: Transaction, batch: Sequence[Numbered], outcome: Outcome) -> list[Numbered]:
        """Those whom nobody is yet; the others are counted, or refused where subject and address contradict."""
        given = {read.user.sub for _, read in batch if read.own_sub}
        there = await self._users.present(tx, subs=given, keys={read.user.email.key for _, read in batch})
        gone = await self._users.deleted(tx, given - there.subs)
        seen, owners = set(there.subs), dict(there.by_key)
        new: list[Numbered] = []
        for line, read in batch:
            sub, key = read.user.sub, read.user.email.key
            owner = owners.get(key)
            if (read.own_sub and sub in seen) or (owner is not None and not read.own_sub):
                outcome.present += 1
            elif owner is not None:
                outcome.refused.append(Refusal(line, "email_taken", "Another user has this e-mail address."))
            elif sub in gone:
                outcome.refused.append(Refusal(line, "sub_used", "A user who was deleted had this sub."))
            else:
                seen.add(sub)
                owners[key] = sub
                new.append((line, read))
        return new


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What there is to be given, and how far whoever imports may go."""

    roles: Mapping[str, UUID]
    role_permissions: Mapping[str, frozenset[str]]
    groups: Mapping[str, KnownGroup]
    audiences: frozenset[str]
    may_assign: bool
    own_permissions: frozenset[str] | None

    def fault(self, read: ReadUser) -> tuple[str, str] | None:
        """What is wrong with the roles and groups of a line, as its code and words."""
        if (read.roles or read.groups) and not self.may_assign:
            return "insufficient_scope", "To give roles or groups takes admin:roles:write as well."
        missing = self._missing(read)
        if missing is not None:
            return f"{missing}_not_found", f"There is no {missing} of that name."
        if len(set(read.groups)) > MAX_GROUPS_OF_A_USER:
            return "too_many_groups", f"A user is in at most {MAX_GROUPS_OF_A_USER} groups."
        if self.own_permissions is not None and not self._given(read) <= self.own_permissions:
            return "right_not_held", "Nobody gives a right at this service that they do not hold."
        return None

    def _missing(self, read: ReadUser) -> str | None:
        """What a line speaks of that is not there."""
        if any(held.role not in self.roles for held in read.roles):
            return "role"
        if any(held.audience is not None and held.audience not in self.audiences for held in read.roles):
            return "audience"
        return "group" if any(name not in self.groups for name in read.groups) else None

    def _given(self, read: ReadUser) -> frozenset[str]:
        """What a line would permit its user at this service itself."""
        own = (held.role for held in read.roles if held.audience in {None, SELF})
        by_roles = (self.role_permissions.get(role, frozenset()) for role in own)
        by_groups = (self.groups[name].own_permissions for name in read.groups)
        return frozenset().union(*by_roles, *by_groups)


def _assignments(made: Sequence[ReadUser], role_ids: Mapping[str, UUID]) -> list[NewAssignment]:
    return [
        NewAssignment(
            user_id=read.user.id,
            sub=read.user.sub,
            role_id=role_ids[held.role],
            role=held.role,
            audience=held.audience,
        )
        for read in made
        for held in dict.fromkeys(read.roles)
    ]


def _members(made: Sequence[ReadUser], groups: Mapping[str, KnownGroup]) -> list[NewMember]:
    return [
        NewMember(user_id=read.user.id, sub=read.user.sub, group_id=groups[name].id, group=name)
        for read in made
        for name in dict.fromkeys(read.groups)
    ]
