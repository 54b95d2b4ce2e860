"""Everything that there is to be allowed, audience by audience."""

from dataclasses import dataclass, field

from app.audiences.definition import AudienceDefinition
from app.audiences.own import OWN_SCOPES, SELF
from app.audiences.service import Audiences
from app.foundation.db import Transaction
from app.roles.define import RoleRegistration


@dataclass(frozen=True, slots=True, kw_only=True)
class CataloguedPermission:
    """A permission at an audience, by its stored name: which roles hold it, and which of its scopes need it."""

    audience: str
    permission: str
    roles: list[str] = field(default_factory=list)
    scopes: list[str] = field(default_factory=list)


class PermissionCatalogue:
    """Every permission that a role holds or a scope needs."""

    def __init__(self, roles: RoleRegistration, audiences: Audiences) -> None:
        self._roles = roles
        self._audiences = audiences

    async def list_all(self, tx: Transaction, *, audience: str | None = None) -> list[CataloguedPermission]:
        """Permissions by audience and name, or those of one audience."""
        found: dict[tuple[str, str], CataloguedPermission] = {}

        def at(place: str, permission: str) -> CataloguedPermission:
            return found.setdefault((place, permission), CataloguedPermission(audience=place, permission=permission))

        for place, scopes in [(SELF, OWN_SCOPES), *((one.name, one.scopes) for one in await self._defined(tx))]:
            for scope, permission in scopes.items():
                if permission is not None:
                    at(place, permission).scopes.append(scope)
        for role in await self._roles.list_all(tx):
            for place, held in role.permissions.items():
                for permission in held:
                    at(place, permission).roles.append(role.name)
        return [found[key] for key in sorted(found) if audience in {None, key[0]}]

    async def _defined(self, tx: Transaction) -> list[AudienceDefinition]:
        return await self._audiences.list_all(tx)
