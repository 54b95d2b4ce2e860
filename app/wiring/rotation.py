"""Refreshing."""

from app.grants.end import GrantEnding
from app.grants.mint import AccessTokenMinter
from app.grants.rotate import RefreshTokenRotation
from app.grants.rotation import RotationLifetimes
from app.grants.spend_refresh_token import RefreshTokenSpending
from app.sessions.service import Sessions
from app.wiring.ground import Ground


def build_rotation(
    ground: Ground, sessions: Sessions, ending: GrantEnding, minter: AccessTokenMinter
) -> RefreshTokenRotation:
    """What gives new tokens for a refresh token."""
    db, clock, audit, lifetimes = ground.db, ground.clock, ground.audit, RotationLifetimes.of(ground.settings.jwt)
    return RefreshTokenRotation(
        db,
        clock,
        audit=audit,
        spending=RefreshTokenSpending(db, clock, audit=audit, keyring=ground.keyring, lifetimes=lifetimes),
        audiences=ground.audiences,
        roles=ground.roles,
        sessions=sessions,
        ending=ending,
        minter=minter,
        lifetimes=lifetimes,
    )
