"""Authorization codes, and what they are redeemed for."""

from datetime import timedelta

from app.grants.codes import AuthorizationCodes
from app.grants.delegated import DelegatedTokens
from app.grants.end import GrantEnding
from app.grants.mint import AccessTokenMinter
from app.grants.parts import CodeParts
from app.grants.redeem import CodeLifetimes, CodeRedemption
from app.grants.targets import GrantTargets
from app.sessions.service import Sessions
from app.wiring.ground import Ground


def build_codes(ground: Ground, sessions: Sessions, minter: AccessTokenMinter) -> CodeParts:
    """Build them."""
    db, clock, audit, settings = ground.db, ground.clock, ground.audit, ground.settings
    ending = GrantEnding(clock, audit, ground.revocations, sessions)
    tokens = DelegatedTokens(
        clock,
        audiences=ground.audiences,
        roles=ground.roles,
        keys=ground.keys,
        minter=minter,
        issuer=ground.issuer,
        id_token_seconds=settings.jwt.access_token_seconds,
    )
    lifetimes = CodeLifetimes(
        refresh=timedelta(seconds=settings.jwt.refresh_token_seconds),
        absolute=timedelta(seconds=settings.sessions.absolute_seconds),
    )
    return CodeParts(
        targets=GrantTargets(ground.audiences),
        codes=AuthorizationCodes(
            clock, ground.audiences, ground.roles, lifetime=timedelta(seconds=settings.oauth.code_seconds)
        ),
        redemption=CodeRedemption(db, clock, audit, tokens=tokens, ending=ending, lifetimes=lifetimes),
        tokens=tokens,
        ending=ending,
    )
