"""Deciding which users of a batch are new, and writing those with all that hangs from them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from app.audiences.own import SELF
from app.audiences.service import Audiences
from app.audit.event import Actor
from app.factors.password.service import Passwords
from app.foundation.clock import Clock
from app.foundation.db import Transaction
from app.foundation.origin import Origin
from app.groups.bulk import BulkMembers, NewMember
from app.roles.bulk import BulkAssignments, NewAssignment
from app.transfer.line import ReadUser
from app.transfer.progress import Refusal
from app.users.bulk import BulkUsers

Numbered = tuple[int, ReadUser]


@dataclass(frozen=True, slots=True, kw_only=True)
class By:
    """Who imports, and from where.

    `may_give` are the rights over this service that they may give by roles and groups; with None they give neither. An
    operator is `unbound` and gives any.
    """

    actor: Actor
    origin: Origin
    may_give: frozenset[str] | None = None
    unbound: bool = False

    def may_have_given(self, permissions: Collection[str]) -> bool:
        """Whether they may give roles and groups that amount to these rights over this service."""
        return self.unbound or (self.may_give is not None and self.may_give.issuperset(permissions))


@dataclass(frozen=True, slots=True)
class _Known:
    """What lines may name: roles and groups by name, with the rights over this service that each amounts to."""

    roles: Mapping[str, UUID]
    role_rights: Mapping[UUID, frozenset[str]]
    groups: Mapping[str, UUID]
    group_rights: Mapping[UUID, frozenset[str]]
    audiences: frozenset[str]


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

    async def admit(self, tx: Transaction, batch: Sequence[Numbered], *, by: By) -> Outcome:
        """Write those who are not there yet. Roles and groups must exist, and be the importer's to give."""
        outcome = Outcome()
        if not batch:
            return outcome
        new = await self._new(tx, batch, outcome)
        known = await self._known(tx, [read for _, read in new])
        allowed = []
        for line, read in new:
            fault = _fault(read, known, by)
            if fault is None:
                allowed.append(read)
            else:
                outcome.refused.append(Refusal(line, *fault))
        made = await self._add(tx, allowed, known, by)
        # Whoever is missing was made by somebody else at this very moment.
        outcome.imported, outcome.present = made, outcome.present + len(allowed) - made
        return outcome

    async def _add(self, tx: Transaction, allowed: Sequence[ReadUser], known: _Known, by: By) -> int:
        now, actor, origin = self._clock.now(), by.actor, by.origin
        written = await self._users.add(tx, [read.user for read in allowed], now=now, actor=actor, origin=origin)
        made = [read for read in allowed if read.user.id in written]
        hashes = {read.user.id: read.password_hash for read in made if read.password_hash is not None}
        await self._passwords.add_imported(tx, hashes)
        await self._roles.add(tx, _assignments(made, known), now=now, actor=actor, origin=origin)
        await self._groups.add(tx, _members(made, known), now=now, actor=actor, origin=origin)
        return len(made)

    async def _known(self, tx: Transaction, users: Sequence[ReadUser]) -> _Known:
        roles = await self._roles.ids(tx) if any(read.roles for read in users) else {}
        groups = await self._groups.ids(tx, {name for read in users for name in read.groups})
        return _Known(
            roles=roles,
            role_rights=await self._roles.own_rights(tx) if roles else {},
            groups=groups,
            group_rights=await self._roles.rights_of_groups(tx, list(groups.values())) if groups else {},
            audiences=frozenset({SELF, *(found.name for found in await self._audiences.list_all(tx))} if roles else ()),
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


def _fault(read: ReadUser, known: _Known, by: By) -> tuple[str, str] | None:
    """What is wrong with the roles and groups of a line, as its code and words."""
    if any(held.role not in known.roles for held in read.roles):
        return "role_not_found", "There is no role of that name."
    if any(held.audience is not None and held.audience not in known.audiences for held in read.roles):
        return "audience_not_found", "There is no audience of that name."
    if any(name not in known.groups for name in read.groups):
        return "group_not_found", "There is no group of that name."
    rights: set[str] = set()
    for held in read.roles:
        if held.audience in {None, SELF}:
            rights |= known.role_rights.get(known.roles[held.role], frozenset())
    for name in read.groups:
        rights |= known.group_rights.get(known.groups[name], frozenset())
    if (read.roles or read.groups) and not by.may_have_given(rights):
        return "right_not_held", "You may not give these roles and groups."
    return None


def _assignments(made: Sequence[ReadUser], known: _Known) -> list[NewAssignment]:
    return [
        NewAssignment(
            user_id=read.user.id,
            sub=read.user.sub,
            role_id=known.roles[held.role],
            role=held.role,
            audience=held.audience,
        )
        for read in made
        for held in dict.fromkeys(read.roles)
    ]


def _members(made: Sequence[ReadUser], known: _Known) -> list[NewMember]:
    return [
        NewMember(user_id=read.user.id, sub=read.user.sub, group_id=known.groups[name], group=name)
        for read in made
        for name in dict.fromkeys(read.groups)
    ]
