"""How a judgement is noted and ends."""

from enum import StrEnum
from typing import NoReturn

from app.protocols.trace import Trace


class Fault(StrEnum):
    """Whose fault it is that a document was refused."""

    FORGED = "forged"
    """It cannot be trusted: somebody changed, copied, delayed or made it up."""
    BROKEN = "broken"
    """Either side is set up wrongly, or answers what it may not."""
    CANCELLED = "cancelled"
    """The person or the provider declined."""


class ResponseRefused(ValueError):
    """A document was refused. The message says why, for an operator; it quotes nothing that proves anybody."""

    def __init__(self, fault: Fault, message: str) -> None:
        super().__init__(message)
        self.fault = fault


class Judging:
    """Notes each check, and ends at the first that fails."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace

    def note(self, name: str, *, expected: str | None, received: str | None) -> None:
        """Note a check that has passed."""
        self._trace.check(name, passed=True, expected=expected, received=received)

    def require(
        self,
        name: str,
        passed: bool,  # noqa: FBT001 — reads as a sentence
        expected: str | None,
        received: str | None,
        message: str,
        *,
        fault: Fault = Fault.FORGED,
    ) -> None:
        """Note a check. Raises ResponseRefused where it failed."""
        if not self._trace.check(name, passed, expected=expected, received=received):
            raise ResponseRefused(fault, message)

    def refuse(self, name: str, fault: Fault, message: str) -> NoReturn:
        """Note a check that has failed, and end. Raises ResponseRefused."""
        self._trace.check(name, passed=False, received=message)
        raise ResponseRefused(fault, message) from None
