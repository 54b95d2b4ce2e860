"""What moves users in and out, and acts for them."""

from dataclasses import dataclass

from app.factors.password.service import Passwords
from app.roles.bulk import BulkAssignments
from app.transfer.admit import Admission
from app.transfer.export import UserExport
from app.transfer.imports import UserImports
from app.users.bulk import BulkUsers
from app.wiring.ground import Ground


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Imports and exports of users."""

    imports: UserImports
    export: UserExport

    @classmethod
    def build(cls, ground: Ground, *, passwords: Passwords) -> "People":
        """Build them."""
        db, clock, audit = ground.db, ground.clock, ground.audit
        roles = BulkAssignments(audit)
        admission = Admission(
            clock, users=BulkUsers(audit), passwords=passwords, roles=roles, audiences=ground.audiences
        )
        return cls(
            imports=UserImports(db, clock, audit, admission),
            export=UserExport(db, audit, users=ground.users, passwords=passwords, roles=roles),
        )
