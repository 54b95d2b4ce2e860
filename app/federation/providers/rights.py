"""Who may set a provider up, and what its rules may give."""

from collections.abc import Sequence

from app.audiences.service import Audiences
from app.federation.connector import Rule
from app.foundation.db import Transaction
from app.groups.service import Groups
from app.roles.change import By, require_held
from app.roles.define import RoleRegistration
from app.roles.rules import ADMIN_PERMISSIONS


def require_all_rights(by: By) -> None:
    """Refuse to let somebody set up a provider who does not hold everything at this service. Raises RightNotHeld.

    Whoever says by whom people are vouched for can be any of them, administrators among them: with a provider of
    their own they vouch for themselves.
    """
    require_held(by, ADMIN_PERMISSIONS)


class GivenRights:
    """Checks that what rules give is there to be given."""

    def __init__(self, audiences: Audiences, roles: RoleRegistration, groups: Groups) -> None:
        self._audiences = audiences
        self._roles = roles
        self._groups = groups

    async def require(self, tx: Transaction, rules: Sequence[Rule]) -> None:
        """Refuse rules that give what there is not. Raises RoleNotFound, AudienceNotFound, GroupNotFound."""
        given = {role for rule in rules for role in rule.roles}
        for audience in sorted({audience for audience, _ in given if audience is not None}):
            await self._audiences.require(tx, audience)
        for role in sorted({role for _, role in given}):
            await self._roles.get(tx, role)
        for group in sorted({group for rule in rules for group in rule.groups}):
            await self._groups.get_by_name(tx, group)
