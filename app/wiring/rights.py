"""Roles, groups, and what changes them."""

from dataclasses import dataclass

from app.foundation.parts import Parts
from app.grants.replace import GrantReplacement
from app.groups.service import Groups
from app.lifecycle.provider_rights import ProviderRights
from app.roles.assign import RoleAssignments
from app.roles.catalogue import PermissionCatalogue
from app.roles.change import RightsChange
from app.roles.define import RoleRegistration
from app.roles.group_roles import GroupRoles
from app.wiring.ground import Ground


@dataclass(frozen=True, slots=True, kw_only=True)
class RightsParts(Parts):
    """The services that say who may do what."""

    registration: RoleRegistration
    assignments: RoleAssignments
    groups: Groups
    provider_rights: ProviderRights
    replacement: GrantReplacement
    catalogue: PermissionCatalogue

    @classmethod
    def build(cls, ground: Ground) -> "RightsParts":
        """Build them: every change of rights ends in the replacement of the grants that it meets."""
        clock, audit, audiences = ground.clock, ground.audit, ground.audiences
        replacement = GrantReplacement(clock, audit, ground.revocations)
        changes = RightsChange(replacement)
        registration = RoleRegistration(clock, audit, audiences, changes)
        assignments = RoleAssignments(clock, audit, audiences, changes)
        groups = Groups(clock, audit, GroupRoles(clock, audit, audiences, changes), changes)
        return cls(
            registration=registration,
            assignments=assignments,
            groups=groups,
            provider_rights=ProviderRights(ground.db, identities=ground.identities, roles=assignments, groups=groups),
            replacement=replacement,
            catalogue=PermissionCatalogue(registration, audiences),
        )
