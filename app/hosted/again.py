"""By what somebody who is signed in can prove again who they are: a pure rule."""

from collections.abc import Sequence

from app.factors.factor import FactorName
from app.protocols.assurance import ACR, satisfies
from app.stepup.rules import usable_again


def ways_again(enrolled: Sequence[FactorName], *, required: ACR | None, held: str) -> tuple[FactorName, ...]:
    """The factors that bring a session from the `acr` it holds to the one required, the strongest first."""
    usable = usable_again(enrolled)
    if required is None or satisfies(held, required):
        return usable
    raising = (FactorName.PASSKEY,) if required is ACR.PHR else (FactorName.PASSKEY, FactorName.TOTP)
    return tuple(name for name in usable if name in raising)
