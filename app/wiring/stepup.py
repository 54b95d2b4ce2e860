"""Proving anew who one is, and the tokens for single acts."""

from app.factors.password.lockout import Lockout
from app.factors.service import Factors
from app.grants.mint import AccessTokenMinter
from app.grants.reissue import AccessTokenReissue
from app.sessions.service import Sessions
from app.stepup.parts import StepUp
from app.wiring.ground import Ground


def build_step_up(
    ground: Ground, *, factors: Factors, lockout: Lockout, sessions: Sessions, minter: AccessTokenMinter
) -> StepUp:
    """Build it."""
    db, clock, audiences, issuer = ground.db, ground.clock, ground.audiences, ground.issuer
    return StepUp.build(
        db,
        clock,
        ground.settings.step_up,
        audit=ground.audit,
        audiences=audiences,
        users=ground.users,
        factors=factors,
        limits=ground.limits,
        lockout=lockout,
        sessions=sessions,
        keys=ground.keys,
        tokens=AccessTokenReissue(db, clock, audiences=audiences, roles=ground.roles, minter=minter),
        issuer=issuer,
    )
