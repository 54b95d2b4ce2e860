"""What users hold by their roles."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from app.foundation.db import Database, Transaction
from app.foundation.snapshot import Snapshot
from app.roles import rules, store
from app.roles.rules import Held, Holdings, RoleView


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """Every role, as the registry was at a version."""

    version: int = -1
    roles: Mapping[UUID, RoleView] = field(default_factory=dict)

    def suffices(self, held: Held) -> bool:
        """Whether it is as new as what a statement says is held, and knows every role of it."""
        return self.version >= held.version and all(role in self.roles for role, _ in held.roles)


class Roles:
    """Every role with its permissions, kept in memory.

    Who holds which role is read at each issue of a token, and with it the registry's version: a reading that is older
    is renewed first. So a change counts from the moment at which it has committed, in every process.
    """

    def __init__(self, db: Database) -> None:
        self._reading = Snapshot[_Reading](db, store.REGISTRY, _parse, empty=_Reading())

    async def held(self, tx: Transaction, user_id: UUID, audience: str) -> Holdings:
        """What a user holds at an audience, by its stored name."""
        return await self.holdings(await store.held(tx, user_id), audience)

    async def asked_of(self, tx: Transaction, user_id: UUID, audience: str) -> set[str]:
        """How well a user must prove who they are at an audience, by each role of theirs that says so."""
        return await self.requirements(await store.held(tx, user_id), audience)

    async def read(self, tx: Transaction, user_id: UUID) -> Held:
        """What a user holds as a statement says it, for `holdings` and for whoever mints."""
        return await store.held(tx, user_id)

    async def holdings(self, held: Held, audience: str) -> Holdings:
        """What a user who holds that may do at an audience.

        Raises DatabaseUnavailable where the registry must be read again and cannot.
        """
        await self._keep_up(held)
        return self.resolve(held, audience)

    async def requirements(self, held: Held, audience: str | None) -> set[str]:
        """How well whoever holds that must prove who they are at an audience, by each role that says so.

        Without an audience it is what counts anywhere. Raises DatabaseUnavailable, as `holdings` does.
        """
        await self._keep_up(held)
        return rules.requirements(self._reading.value.roles, held.roles, audience)

    @property
    def ask_for_more(self) -> bool:
        """Whether any role, by the last reading, says how well its holders must prove who they are."""
        return any(role.required_acr is not None for role in self._reading.value.roles.values())

    def resolve(self, held: Held, audience: str) -> Holdings:
        """The same by the last reading; a role unknown to it counts for nothing."""
        return rules.held(self._reading.value.roles, held.roles, audience)

    async def refresh(self) -> None:
        """Read the roles now. Raises DatabaseUnavailable and keeps the last reading."""
        await self._reading.load()

    async def follow(self) -> None:
        """Keep the roles fresh for as long as the process lives: the coroutine of a background task."""
        await self._reading.follow()

    async def _keep_up(self, held: Held) -> None:
        if not self._reading.value.suffices(held):
            await self._reading.load_unless(lambda reading: reading.suffices(held))


def _parse(text: str) -> _Reading:
    told = json.loads(text)
    roles = {
        UUID(row["id"]): RoleView(
            name=row["name"],
            required_acr=row["required_acr"],
            permissions={audience: tuple(permissions) for audience, permissions in row["permissions"].items()},
        )
        for row in told["roles"]
    }
    return _Reading(version=told["version"], roles=roles)
