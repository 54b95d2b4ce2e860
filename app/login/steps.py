"""What a sign-in needs next, decided from values: pure rules."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum

from app.factors.factor import FactorName
from app.protocols.assurance import ACR, best, satisfies

ENROLLABLE = (FactorName.PASSKEY, FactorName.TOTP)


class Step(StrEnum):
    """What comes next."""

    DONE = "done"
    VERIFY = "verify"
    ENROL = "enrol"


@dataclass(frozen=True, slots=True)
class NextStep:
    """A step, and the factors by which it may be taken."""

    step: Step
    factors: tuple[FactorName, ...] = ()


def required_acr(*demands: str | None, roles: Iterable[str] = ()) -> ACR:
    """How well a user must prove who they are: the highest demand of deployment, user, audience and roles."""
    return best([*(demand for demand in demands if demand is not None), *roles])


def next_step(*, reached: ACR, required: ACR, second: Collection[FactorName], mailed_code: bool = False) -> NextStep:
    """What a sign-in that reached an `acr` needs next.

    Whoever has a second factor is asked for it, required or not; whoever must have one and has none is led to enrol
    it, or may prove their mailbox instead, where policy allows a `mailed_code`. Nothing more is asked after a passkey
    that verified its user.
    """
    wanted = best([required, ACR.AAL2 if second else ACR.AAL1])
    if satisfies(reached, wanted):
        return NextStep(Step.DONE)
    usable = tuple(factor for factor in FactorName if factor in second)
    if required is ACR.PHR and FactorName.PASSKEY in usable:
        return NextStep(Step.VERIFY, (FactorName.PASSKEY,))
    if usable and reached is ACR.AAL1:
        return NextStep(Step.VERIFY, usable)
    if mailed_code and required is ACR.AAL2 and reached is ACR.AAL1:
        return NextStep(Step.VERIFY, (FactorName.EMAIL_CODE,))
    return NextStep(Step.ENROL, (FactorName.PASSKEY,) if required is ACR.PHR else ENROLLABLE)
