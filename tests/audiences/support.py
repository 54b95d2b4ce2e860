"""The registry services on one database, and what the log says."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from sqlalchemy import text

from app.audiences.define import AudienceRegistration
from app.audiences.service import Audiences
from app.audit.event import Actor, ActorKind
from app.audit.service import AuditLog
from app.foundation.cache import Cache
from app.foundation.clock import Clock
from app.foundation.db import Database
from app.foundation.encryption import Keyring
from app.foundation.origin import Origin
from app.grants.replace import GrantReplacement
from app.groups.service import Groups
from app.migrations.tables import metadata
from app.protocols.jose.algorithms import Algorithm
from app.revocation.filter import RevocationFilter
from app.revocation.service import Revocations
from app.revocation.wake import Wake
from app.roles.assign import RoleAssignments
from app.roles.change import RightsChange
from app.roles.define import RoleRegistration
from app.roles.group_roles import GroupRoles
from app.roles.service import Roles
from app.signing_keys.service import SigningKeys
from app.signing_keys.settings import KeySettings
from app.users.service import Users
from app.users.user import Entry, User
from tests.support import RUN

ISSUER = "https://auth.example.com"
ORIGIN = Origin(ip=None, user_agent=None, trace_id="0" * 32)
OPERATOR = Actor(ActorKind.OPERATOR, "root")
KEY = bytes(32)
BY = {"actor": OPERATOR, "origin": ORIGIN}


class CountingDatabase(Database):
    """A database that knows how often the hot pool was asked."""

    asked = 0

    async def fetchrow(self, statement: str, *arguments: object) -> Any:
        self.asked += 1
        return await super().fetchrow(statement, *arguments)


class Registry:
    """One process's services: two of them on one database are two processes."""

    def __init__(self, db: CountingDatabase) -> None:
        clock = Clock()
        audit = AuditLog(clock)
        self.db = db
        self.keyring = Keyring([KEY])
        self.keys = SigningKeys(db, clock, self.keyring, audit, KeySettings())
        self.audiences = Audiences(db, self.keys, issuer=ISSUER, default_algorithm=Algorithm.RS256)
        self.registration = AudienceRegistration(db, clock, audit, self.audiences, self.keys, issuer=ISSUER)
        self.roles = Roles(db)
        cache = Cache(None)
        revocations = Revocations(clock, Wake(cache), RevocationFilter(cache))
        changes = RightsChange(GrantReplacement(clock, audit, revocations))
        self.role_registration = RoleRegistration(clock, audit, self.audiences, changes)
        self.assignments = RoleAssignments(clock, audit, self.audiences, changes)
        self.groups = Groups(clock, audit, GroupRoles(clock, audit, self.audiences, changes), changes)
        self.users = Users(clock, audit, signup_open=True)
        self.clock, self.audit = clock, audit

    async def make_user(self, email: str = "ann@example.com") -> User:
        async with self.db.transaction() as tx:
            return await self.users.create(tx, email=email, entry=Entry.OPERATOR, origin=ORIGIN, actor=OPERATOR)

    async def make_role(self, name: str, /, **permissions: list[str]) -> None:
        """A role with permissions by audience; `_` in an audience's name stands for `-`."""
        async with self.db.transaction() as tx:
            await self.role_registration.create(tx, name, **BY)
            for audience, held in permissions.items():
                for permission in held:
                    await self.role_registration.grant(
                        tx, name, permission=permission, audience=audience.replace("_", "-"), **BY
                    )

    async def ensure_built_in(self) -> None:
        async with self.db.transaction() as tx:
            await self.role_registration.ensure_built_in(tx, **BY)

    async def assign(self, user: User, role: str, audience: str | None = None) -> bool:
        async with self.db.transaction() as tx:
            return await self.assignments.assign(tx, user_id=user.id, role=role, audience=audience, **BY)

    async def remove(self, user: User, role: str, audience: str | None = None) -> bool:
        async with self.db.transaction() as tx:
            return await self.assignments.remove(tx, user_id=user.id, role=role, audience=audience, **BY)

    async def recorded(self, *types: str) -> list[dict[str, Any]]:
        """Audit entries of these types in their order, each with its row in `events`."""
        statement = text(
            "SELECT a.type, a.subject, a.actor_kind, a.actor_id, a.details FROM audit_entries a "
            "JOIN events e ON e.id = a.id WHERE a.type = ANY(:types) ORDER BY a.id"
        )
        async with self.db.transaction() as tx:
            return [dict(row._mapping) for row in await tx.execute(statement, {"types": list(types)})]


async def database_beside(server_url: str, template: str, name: str) -> str:
    """A new database on the same server, a copy of `template`."""
    base, _, query = server_url.partition("?")
    connection = await asyncpg.connect(server_url.replace("postgresql+asyncpg", "postgresql", 1))
    try:
        await connection.execute(f"CREATE DATABASE {name}_{RUN} TEMPLATE {template}")
    finally:
        await connection.close()
    return f"{base.rpartition('/')[0]}/{name}_{RUN}?{query}"


async def empty(database_url: str) -> None:
    """Take everything out of a database, which costs a tenth of making another."""
    connection = await asyncpg.connect(database_url.replace("postgresql+asyncpg", "postgresql", 1))
    try:
        await connection.execute("".join(f"DELETE FROM {table.name};" for table in metadata.sorted_tables))
    finally:
        await connection.close()


@asynccontextmanager
async def opened_registry(database_url: str) -> AsyncIterator[Registry]:
    db = CountingDatabase(database_url, pool_size=6)
    await db.open()
    try:
        yield Registry(db)
    finally:
        await db.close()
