"""The services of what users allow clients."""

from dataclasses import dataclass

from app.foundation.parts import Parts
from app.grants.codes import AuthorizationCodes
from app.grants.delegated import DelegatedTokens
from app.grants.end import GrantEnding
from app.grants.redeem import CodeRedemption
from app.grants.targets import GrantTargets


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeParts(Parts):
    """What `wiring.codes` builds."""

    targets: GrantTargets
    codes: AuthorizationCodes
    redemption: CodeRedemption
    tokens: DelegatedTokens
    ending: GrantEnding
