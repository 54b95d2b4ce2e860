"""Moving a realm in, as often as one likes: what is there already stays as it is."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from app.audiences.define import AudienceRegistration
from app.audiences.definition import AudienceDefinition
from app.audiences.errors import AudienceExists
from app.audiences.rules import is_name
from app.clients.errors import InvalidClientDefinition
from app.clients.service import Clients
from app.foundation.clock import Clock
from app.foundation.db import Database
from app.groups.errors import GroupExists, InvalidGroup
from app.groups.service import Groups
from app.roles.change import By as RightsBy
from app.roles.define import RoleRegistration
from app.roles.errors import RoleExists
from app.roles.rules import is_role_name
from app.transfer.imports import By, UserImports
from app.transfer.keycloak import clients as client_words
from app.transfer.keycloak import translate
from app.transfer.keycloak.composites import Composites, held_directly, parts_of
from app.transfer.keycloak.realm import RealmRefused, members
from app.transfer.keycloak.report import MAX_LOSSES, MovedClient, Report
from app.transfer.line import LineRefused, read_line

_PAGE = 200
_TAKEN = frozenset({"realm", "enabled", "roles", "groups", "clients", "users", "id"})
# What a realm may hold that people notice when it is gone.
_NOTICED = {
    "identityProviders": "identity provider",
    "components": "component (user federation, keys)",
    "authenticationFlows": "authentication flow",
    "requiredActions": "required action",
    "clientScopes": "client scope",
}


@dataclass(frozen=True, slots=True)
class KeycloakImport:
    """Takes in what a realm's export holds, by the services that make each thing otherwise."""

    db: Database
    clock: Clock
    audiences: AudienceRegistration
    roles: RoleRegistration
    groups: Groups
    clients: Clients
    imports: UserImports

    async def run(
        self, path: Path, *, by: By, dry_run: bool = False, observe: Callable[[int], None] | None = None
    ) -> Report:
        """Move a realm in, and return what came along and what did not; `dry_run` only says it.

        The file is read twice, users one by one. Raises RealmRefused, OSError.
        """
        report = Report(dry_run=dry_run)
        realm = self._realm(path, report)
        audiences = await self._audiences(realm, report, by)
        await self._roles(realm, report, by)
        composites = Composites(realm.get("roles"))
        await self._groups(realm, composites, report, by)
        await self._clients(realm, audiences, report, by)
        await self._users(path, composites, report, by, observe)
        return report

    @staticmethod
    def _realm(path: Path, report: Report) -> dict[str, Any]:
        realm: dict[str, Any] = {}
        with path.open(encoding="utf-8") as file:
            try:
                for name, value in members(file, each="users"):
                    if name in _NOTICED and value:
                        report.lose(_NOTICED[name], str(len(value)), "set it up here anew where you need it")
                    elif name in _TAKEN and name != "users":
                        realm[name] = value
            except UnicodeDecodeError as error:
                raise RealmRefused("The file is not text in UTF-8.") from error
        if "realm" not in realm:
            raise RealmRefused("The file is no export of a realm: it has no `realm`.")
        return realm

    async def _audiences(self, realm: Mapping[str, Any], report: Report, by: By) -> set[str]:
        """Each client that has roles, or that tokens are for, is an audience; those that are here now."""
        wanted = [client for client, roles in ((realm.get("roles") or {}).get("client") or {}).items() if roles]
        for client in realm.get("clients") or ():
            wanted += client_words.services_of(client)
        found: set[str] = set()
        for name in dict.fromkeys(wanted):
            if name in translate.OWN_CLIENTS:
                continue
            if not is_name(name):
                report.lose("audience", name, "an audience cannot have this name")
                continue
            found.add(name)
            try:
                if not report.dry_run:
                    await self.audiences.create(AudienceDefinition(name=name), actor=by.actor, origin=by.origin)
                report.made["audience"] += 1
            except AudienceExists:
                report.present["audience"] += 1
        return found

    async def _roles(self, realm: Mapping[str, Any], report: Report, by: By) -> None:
        known = realm.get("roles") or {}
        wanted: dict[str, None] = {}
        for role in known.get("realm") or ():
            here = translate.realm_role(role["name"])
            if here is None:
                # Keycloak's own; among them the one whose parts everybody is given.
                for _, part in translate.roles_here(parts_of(role)):
                    report.lose("default role", part, "whoever signs up here does not get it by themselves")
                continue
            if here != role["name"]:
                report.lose("role", role["name"], f"renamed to {here}: `admin` gives every right over this service")
            wanted[here] = None
            self._note_composite(role, report)
        for client, roles in (known.get("client") or {}).items():
            if client not in translate.OWN_CLIENTS:
                for role in roles:
                    wanted[role["name"]] = None
                    self._note_composite(role, report)
        for name in wanted:
            await self._role(name, report, by)

    @staticmethod
    def _note_composite(role: Mapping[str, Any], report: Report) -> None:
        if role.get("composite"):
            words = "who holds it was given each role in it; who gets it here from now on is not"
            report.lose("composite role", role["name"], words)

    async def _role(self, name: str, report: Report, by: By) -> None:
        if not is_role_name(name):
            report.lose("role", name, "a role cannot have this name")
            return
        try:
            if not report.dry_run:
                async with self.db.transaction() as tx:
                    await self.roles.create(tx, name, actor=by.actor, origin=by.origin)
            report.made["role"] += 1
        except RoleExists:
            report.present["role"] += 1

    async def _groups(self, realm: Mapping[str, Any], composites: Composites, report: Report, by: By) -> None:
        for name, group in translate.groups(realm.get("groups")):
            if group.get("attributes"):
                report.lose("group attribute", name, ", ".join(group["attributes"]))
            try:
                if not report.dry_run:
                    await self._group(name, group, composites, by)
                report.made["group"] += 1
            except GroupExists:
                report.present["group"] += 1
            except InvalidGroup as error:
                report.lose("group", name, error.description or error.title)

    async def _group(self, name: str, group: Mapping[str, Any], composites: Composites, by: By) -> None:
        rights = RightsBy(actor=by.actor, origin=by.origin)
        async with self.db.transaction() as tx:
            made = await self.groups.create(tx, name, by=rights)
            for audience, role in translate.roles_here(composites.held(held_directly(group))):
                await self.groups.assign_role(tx, made.id, role=role, audience=audience, by=rights)

    async def _clients(self, realm: Mapping[str, Any], audiences: set[str], report: Report, by: By) -> None:
        present = await self._names_of_clients()
        for client in realm.get("clients") or ():
            if client.get("clientId") in translate.OWN_CLIENTS:
                continue
            definition = client_words.definition(client, audiences, report)
            if definition is None:
                continue
            if definition.name in present:
                report.present["client"] += 1
                continue
            report.made["client"] += 1
            if report.dry_run:
                continue
            try:
                async with self.db.transaction() as tx:
                    made = await self.clients.create(tx, definition, actor=by.actor, origin=by.origin)
            except InvalidClientDefinition as error:
                report.made["client"] -= 1
                report.lose("client", definition.name, error.description or error.title)
            else:
                report.clients.append(MovedClient(definition.name, made.client_id, made.raw_secret))

    async def _names_of_clients(self) -> set[str]:
        names: set[str] = set()
        after: UUID | None = None
        while True:
            async with self.db.transaction() as tx:
                page = await self.clients.list(tx, limit=_PAGE, after=after)
            names |= {client.name for client in page}
            if len(page) < _PAGE:
                return names
            after = page[-1].id

    async def _users(
        self, path: Path, composites: Composites, report: Report, by: By, observe: Callable[[int], None] | None
    ) -> None:
        names: list[str] = []
        lines = self._lines(path, composites, report, names, observe)
        if report.dry_run:
            async for raw in lines:
                self._try(raw, names[-1], report)
            return
        done = await self.imports.run(lines, by=by)
        report.made["user"] += done.imported
        report.present["user"] += done.present
        refused = await self.imports.refusals(done.id, limit=MAX_LOSSES)
        for line, _, words in refused:
            report.lose("user", names[line - 1], words)
        report.lost["user"] += done.failed - len(refused)

    @staticmethod
    async def _lines(
        path: Path,
        composites: Composites,
        report: Report,
        names: list[str],
        observe: Callable[[int], None] | None,
    ) -> AsyncIterator[bytes]:
        """Each user as a line; `names` is what Keycloak called those that have one."""
        with path.open(encoding="utf-8") as file:
            for number, user in enumerate(value for name, value in members(file, each="users") if name == "users"):
                line = translate.user_line(user, report, composites)
                if line is not None:
                    names.append(str(user.get("username") or user.get("id") or "?"))
                    yield json.dumps(line).encode()
                if observe is not None:
                    observe(number + 1)

    def _try(self, raw: bytes, name: str, report: Report) -> None:
        try:
            read_line(raw, now=self.clock.now())
        except LineRefused as refusal:
            report.lose("user", name, refusal.words)
        else:
            report.made["user"] += 1
