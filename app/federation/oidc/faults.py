"""What goes wrong with a provider, told in the words of a connector."""

from app.federation.connector import Refusal, SignInRefused
from app.protocols.oidc.upstream_token import printable
from app.protocols.trace import Trace


class ProviderFault(Exception):
    """A provider did not answer, or not as it may. `refusal` is what a sign-in that needed it comes to."""

    def __init__(self, refusal: Refusal, message: str) -> None:
        super().__init__(printable(message))
        self.refusal = refusal


class EndpointGone(ProviderFault):
    """Nobody took the request at that address, so that what it would have spent is not spent yet."""


def require(
    trace: Trace,
    name: str,
    passed: bool,  # noqa: FBT001 — reads as in Trace.check
    *,
    refusal: Refusal,
    expected: str,
    received: str | None,
) -> None:
    """Note a check; where it fails the sign-in ends. Raises SignInRefused."""
    if not trace.check(name, passed, expected=expected, received=received):
        raise SignInRefused(refusal, printable(f"{name}: expected {expected}, received {received}"))


def refuse(trace: Trace, name: str, fault: ProviderFault, *, expected: str) -> SignInRefused:
    """The refusal for a fault, noted as a check that failed."""
    trace.check(name, passed=False, expected=expected, received=str(fault))
    return SignInRefused(fault.refusal, f"{name}: {fault}")
