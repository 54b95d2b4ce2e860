"""The services of authorization codes."""

from dataclasses import dataclass

from app.foundation.parts import Parts
from app.grants.codes import AuthorizationCodes
from app.grants.targets import GrantTargets


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeParts(Parts):
    """What `wiring.codes` builds."""

    targets: GrantTargets
    codes: AuthorizationCodes
