"""Authorization codes, and what they are redeemed for."""

from datetime import timedelta

from app.grants.codes import AuthorizationCodes
from app.grants.parts import CodeParts
from app.grants.targets import GrantTargets
from app.wiring.ground import Ground


def build_codes(ground: Ground) -> CodeParts:
    """Build them."""
    lifetime = timedelta(seconds=ground.settings.oauth.code_seconds)
    return CodeParts(
        targets=GrantTargets(ground.audiences),
        codes=AuthorizationCodes(ground.clock, ground.audiences, ground.roles, lifetime=lifetime),
    )
