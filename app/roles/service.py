"""What users hold by their roles."""

import json
from collections.abc import Collection, Mapping
from uuid import UUID

from app.foundation.db import Database, Transaction
from app.foundation.snapshot import Snapshot
from app.roles import rules, store
from app.roles.rules import Holdings, RoleView


class Roles:
    """Every role with its permissions, kept in memory.

    A change to a role's permissions made elsewhere counts within two seconds; who holds which role is read at
    each issue of a token and counts at once.
    """

    def __init__(self, db: Database) -> None:
        self._roles = Snapshot[Mapping[UUID, RoleView]](db, store.REGISTRY, _parse, empty={})

    async def held(self, tx: Transaction, user_id: UUID, audience: str) -> Holdings:
        """What a user holds at an audience, by its stored name."""
        return await self.holdings(await store.assignments(tx, user_id), audience)

    async def asked_of(self, tx: Transaction, user_id: UUID, audience: str) -> set[str]:
        """How well a user must prove who they are at an audience, by each role of theirs that says so."""
        return await self.requirements(await store.assignments(tx, user_id), audience)

    async def holdings(self, assignments: Collection[tuple[UUID, str | None]], audience: str) -> Holdings:
        """What assignments amount to at an audience.

        A role that this process has not seen yet is read first, so that one made a moment ago elsewhere counts.
        Raises DatabaseUnavailable if it cannot be.
        """
        needed = {role for role, _ in assignments}
        if not needed <= self._roles.value.keys():
            await self._roles.load_unless(lambda roles: needed <= roles.keys())
        return self.resolve(assignments, audience)

    async def requirements(self, assignments: Collection[tuple[UUID, str | None]], audience: str | None) -> set[str]:
        """How well the holder of assignments must prove who they are at an audience, by each role that says so.

        Without an audience it is what counts anywhere. Raises DatabaseUnavailable, as `holdings` does.
        """
        needed = {role for role, _ in assignments}
        if not needed <= self._roles.value.keys():
            await self._roles.load_unless(lambda roles: needed <= roles.keys())
        return rules.requirements(self._roles.value, assignments, audience)

    @property
    def ask_for_more(self) -> bool:
        """Whether any role, by the last reading, says how well its holders must prove who they are."""
        return any(role.required_acr is not None for role in self._roles.value.values())

    def resolve(self, assignments: Collection[tuple[UUID, str | None]], audience: str) -> Holdings:
        """What assignments amount to by the last reading; a role unknown to it counts for nothing."""
        return rules.held(self._roles.value, assignments, audience)

    async def refresh(self) -> None:
        """Read the roles now. Raises DatabaseUnavailable and keeps the last reading."""
        await self._roles.load()

    async def follow(self) -> None:
        """Keep the roles fresh for as long as the process lives: the coroutine of a background task."""
        await self._roles.follow()


def _parse(text: str) -> Mapping[UUID, RoleView]:
    return {
        UUID(row["id"]): RoleView(
            name=row["name"],
            required_acr=row["required_acr"],
            permissions={audience: tuple(permissions) for audience, permissions in row["permissions"].items()},
        )
        for row in json.loads(text)
    }
