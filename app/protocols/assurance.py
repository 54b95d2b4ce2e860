"""What proofs amount to: `amr` and `acr` of a sign-in, as pure rules. Spec: RFC 8176 for the words of `amr`.

`acr` has three values, each better than the one before: `aal1` (one factor), `aal2` (two factors of different kinds)
and `phr` (phishing resistant: a passkey that also verified its user, which asks for nothing more).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class ACR(StrEnum):
    """How well a user proved who they are."""

    AAL1 = "aal1"
    AAL2 = "aal2"
    PHR = "phr"


class Kind(StrEnum):
    """What a proof rests on; two of one kind are not two factors."""

    KNOWN = "known"
    HELD = "held"
    MAILED = "mailed"


_ORDER = {ACR.AAL1: 1, ACR.AAL2: 2, ACR.PHR: 3}
# What another provider asked of its people we do not see: it counts as what most of them ask, a password.
_KINDS = {
    "pwd": Kind.KNOWN,
    "fed": Kind.KNOWN,
    "otp": Kind.HELD,
    "hwk": Kind.HELD,
    "swk": Kind.HELD,
    "email": Kind.MAILED,
}
MULTI_FACTOR = "mfa"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What one proof adds to a sign-in. `phishing_resistant` counts only with `user_verified`."""

    amr: tuple[str, ...]
    phishing_resistant: bool = False
    user_verified: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Assurance:
    """The `amr` and `acr` of a sign-in."""

    amr: tuple[str, ...]
    acr: ACR

    @classmethod
    def held(cls, amr: Iterable[str], acr: str) -> "Assurance":
        """What a session says of itself; a level that is not ours counts as the least."""
        return cls(amr=tuple(amr), acr=next((known for known in ACR if known == acr), ACR.AAL1))

    def with_more(self, *evidence: Evidence) -> "Assurance":
        """The same sign-in after more was proven in it."""
        return _combined(self.amr, self.acr, evidence)


def assurance_of(*evidence: Evidence) -> Assurance:
    """What a sign-in by these proofs, one or more, amounts to."""
    return _combined((), ACR.AAL1, evidence)


def satisfies(acr: str, required: str) -> bool:
    """Whether an `acr` is as good as the one required; one that is not ours satisfies nothing."""
    if required not in _ORDER or acr not in _ORDER:
        return False
    return _ORDER[ACR(acr)] >= _ORDER[ACR(required)]


def best(acrs: Iterable[str]) -> ACR:
    """The highest of several requirements; `aal1` of none. Raises ValueError for a word that is not ours."""
    return max((ACR(acr) for acr in acrs), key=_ORDER.__getitem__, default=ACR.AAL1)


def _combined(amr: tuple[str, ...], acr: ACR, evidence: Iterable[Evidence]) -> Assurance:
    proofs = tuple(evidence)
    methods = [*amr, *(method for proof in proofs for method in proof.amr)]
    reached = best((acr, _acr_of(methods, proofs)))
    kept = list(dict.fromkeys(method for method in methods if method != MULTI_FACTOR))
    return Assurance(amr=(*kept, *(() if reached is ACR.AAL1 else (MULTI_FACTOR,))), acr=reached)


def _acr_of(methods: Iterable[str], proofs: tuple[Evidence, ...]) -> ACR:
    if any(proof.phishing_resistant and proof.user_verified for proof in proofs):
        return ACR.PHR
    kinds = {_KINDS[method] for method in methods if method in _KINDS}
    return ACR.AAL2 if len(kinds) > 1 else ACR.AAL1
