"""The services of step-up, built together from what they share."""

from dataclasses import dataclass

from app.audiences.service import Audiences
from app.audit.service import AuditLog
from app.factors.password.lockout import Lockout
from app.factors.service import Factors
from app.foundation.clock import Clock
from app.foundation.db import Database
from app.grants.reissue import AccessTokenReissue
from app.limits.service import Limits
from app.sessions.service import Sessions
from app.signing_keys.service import SigningKeys
from app.stepup.actions import ActionTokens
from app.stepup.consume import ActionTokenConsumption
from app.stepup.guard import ProofGuard
from app.stepup.reauthenticate import Reauthentication
from app.stepup.settings import StepUpSettings
from app.users.service import Users


@dataclass(frozen=True, slots=True, kw_only=True)
class StepUp:
    """Proving again who one is, and confirming one act."""

    reauthentication: Reauthentication
    action_tokens: ActionTokens
    consumption: ActionTokenConsumption

    @classmethod
    def build(
        cls,
        db: Database,
        clock: Clock,
        settings: StepUpSettings,
        *,
        audit: AuditLog,
        audiences: Audiences,
        users: Users,
        factors: Factors,
        limits: Limits,
        lockout: Lockout,
        sessions: Sessions,
        keys: SigningKeys,
        tokens: AccessTokenReissue,
        issuer: str,
    ) -> "StepUp":
        """`issuer` is what the tokens name as such."""
        guard = ProofGuard(limits, lockout)
        return cls(
            reauthentication=Reauthentication(
                db,
                audit=audit,
                audiences=audiences,
                users=users,
                factors=factors,
                guard=guard,
                sessions=sessions,
                tokens=tokens,
            ),
            action_tokens=ActionTokens(
                db,
                clock,
                audit=audit,
                audiences=audiences,
                users=users,
                factors=factors,
                guard=guard,
                keys=keys,
                settings=settings,
                issuer=issuer,
            ),
            consumption=ActionTokenConsumption(db, clock, audit=audit, audiences=audiences, keys=keys, issuer=issuer),
        )
