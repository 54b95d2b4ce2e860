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
        self, clock: Clock, *, users: BulkUsers, passwords: Passwords, roles: BulkAssignments, audiences: Audiences
    ) -> None:
        self._clock = clock
        self._users = users
        self._passwords = passwords
        self._roles = roles
        self._audiences = audiences

    async def admit(
        self, tx: Transaction, batch: Sequence[Numbered], *, by: Actor, origin: Origin, may_assign: bool
    ) -> Outcome:
        """Write those who are not there yet. Roles must exist, and may be given only where `may_assign` says so."""
        outcome = Outcome()
        if not batch:
            return outcome
        new = await self._new(tx, batch, outcome)
        role_ids = await self._roles.ids(tx)
        audiences = {SELF, *(audience.name for audience in await self._audiences.list_all(tx))}
        allowed = []
        for line, read in new:
            fault = _fault(read, role_ids, audiences, may_assign=may_assign)
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
        await self._roles.add(tx, _assignments(made, role_ids), now=now, actor=by, origin=origin)
        return outcome

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


def _fault(
    read: ReadUser, role_ids: Mapping[str, UUID], audiences: set[str], *, may_assign: bool
) -> tuple[str, str] | None:
    """What is wrong with the roles of a line, as its code and words."""
    if read.roles and not may_assign:
        return "insufficient_scope", "To give roles takes admin:roles:write as well."
    if any(held.role not in role_ids for held in read.roles):
        return "role_not_found", "There is no role of that name."
    if any(held.audience is not None and held.audience not in audiences for held in read.roles):
        return "audience_not_found", "There is no audience of that name."
    if read.groups:
        return "group_not_found", "There is no group of that name."
    return None


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
