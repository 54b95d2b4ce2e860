"""Refreshing."""

from app.grants.end import GrantEnding
from app.grants.mint import AccessTokenMinter
from app.grants.rotate import RefreshTokenRotation, RotationLifetimes
from app.sessions.service import Sessions
from app.wiring.ground import Ground


def build_rotation(
    ground: Ground, sessions: Sessions, ending: GrantEnding, minter: AccessTokenMinter
) -> RefreshTokenRotation:
    """What gives new tokens for a refresh token."""
    return RefreshTokenRotation(
        ground.db,
        ground.clock,
        audit=ground.audit,
        keyring=ground.keyring,
        audiences=ground.audiences,
        roles=ground.roles,
        sessions=sessions,
        ending=ending,
        minter=minter,
        lifetimes=RotationLifetimes.of(ground.settings.jwt),
    )
