"""How well someone must prove who they are, as an operator says it."""

from enum import StrEnum

from app.protocols.assurance import ACR


class Demand(StrEnum):
    """How well someone must prove who they are."""

    AAL2 = "aal2"
    PHR = "phr"
    NONE = "none"

    @property
    def acr(self) -> ACR | None:
        """The level; None asks for nothing special."""
        return None if self is Demand.NONE else ACR(self.value)
