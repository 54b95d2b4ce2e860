"""What moves users in and out, and acts for them."""

from dataclasses import dataclass

from app.correspondence import Correspondence
from app.factors.service import Factors
from app.grants.act import ActingTokens
from app.grants.mint import AccessTokenMinter
from app.groups.bulk import BulkMembers
from app.lifecycle.administration import UserAdministration, UserAdministrationParts
from app.lifecycle.impersonation import Impersonation
from app.roles.assign import RoleAssignments
from app.roles.bulk import BulkAssignments
from app.sessions.acting import ActingSessions
from app.transfer.admit import Admission
from app.transfer.export import UserExport
from app.transfer.imports import UserImports
from app.users.bulk import BulkUsers
from app.wiring.ground import Ground


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """What administrators do to users."""

    imports: UserImports
    export: UserExport
    administration: UserAdministration
    impersonation: Impersonation

    @classmethod
    def build(
        cls,
        ground: Ground,
        post: Correspondence,
        *,
        factors: Factors,
        assignments: RoleAssignments,
        minter: AccessTokenMinter,
    ) -> "People":
        """Build them."""
        db, clock, audit, passwords = ground.db, ground.clock, ground.audit, post.passwords
        parts = UserAdministrationParts(
            db=db,
            clock=clock,
            audit=audit,
            users=ground.users,
            passwords=passwords,
            lockout=post.lockout,
            factors=factors,
            roles=ground.roles,
            assignments=assignments,
            links=post.links,
            wasnt_me=post.wasnt_me,
            outbox=post.outbox,
            interruption=post.interruption,
        )
        roles, groups = BulkAssignments(audit), BulkMembers(audit)
        admission = Admission(
            clock, users=BulkUsers(audit), passwords=passwords, roles=roles, groups=groups, audiences=ground.audiences
        )
        return cls(
            imports=UserImports(db, clock, audit, admission),
            export=UserExport(db, audit, users=ground.users, passwords=passwords, roles=roles, groups=groups),
            administration=UserAdministration(parts),
            impersonation=Impersonation(
                db,
                clock,
                audit,
                users=ground.users,
                roles=ground.roles,
                audiences=ground.audiences,
                sessions=ActingSessions(clock),
                tokens=ActingTokens(clock, ground.roles, minter),
                outbox=post.outbox,
            ),
        )
