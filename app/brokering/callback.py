"""The answer that a provider sends by the browser: taken up once, judged by its connector, and brought home."""

from collections import Counter
from collections.abc import Sequence

from app.brokering.arrival import Arrivals
from app.brokering.case import Failed, Leave, Outcome, Purpose, Visit
from app.brokering.conclude import Conclusions
from app.brokering.failure import Failure, of_refusal
from app.brokering.guard import ProviderGuard
from app.brokering.turns import Crowded, Part, Turns
from app.federation.connector import Refusal, SignInRefused
from app.federation.providers.connectors import Connectors
from app.federation.providers.errors import IdentityProviderNotFound
from app.federation.providers.service import IdentityProviders
from app.flows.errors import FlowOver

STATE = "state"


class Callbacks:
    """The callback of OpenID Connect and OAuth. Spec: OpenID Connect Core §3.1.2.5; RFC 6749 §4.1.2."""

    def __init__(
        self,
        *,
        arrivals: Arrivals,
        providers: IdentityProviders,
        connectors: Connectors,
        guard: ProviderGuard,
        conclusions: Conclusions,
        turns: Turns,
    ) -> None:
        self._arrivals = arrivals
        self._providers = providers
        self._connectors = connectors
        self._guard = guard
        self._conclusions = conclusions
        self._turns = turns

    async def take(self, provider_id: str, pairs: Sequence[tuple[str, str]], visit: Visit) -> Outcome:
        """Judge an answer, of whatever pairs, and go on. Raises DatabaseUnavailable.

        Where too many come at once nothing is taken up: whoever opens the same address again is judged then.
        """
        try:
            async with self._turns.take(Part.LOOK, visit.arrived_at):
                connection = await self._providers.get(None, provider_id)
            async with self._guard.place(connection, visit.arrived_at):
                return await self._take(provider_id, pairs, visit)
        except IdentityProviderNotFound:
            return self._conclusions.failed(None, Failure.OVER, None)
        except Crowded:
            return await self._conclusions.crowded(visit)

    async def _take(self, provider_id: str, pairs: Sequence[tuple[str, str]], visit: Visit) -> Outcome:
        states = [value for name, value in pairs if name == STATE]
        try:
            case = await self._arrivals.claim(states[0] if len(states) == 1 else "", provider_id, visit)
        except FlowOver:
            return self._conclusions.failed(None, Failure.OVER, None)
        if isinstance(case, Failed):
            return case
        several = sorted(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        if not case.trace.check("parameters", not several, expected="each once", received=" ".join(several) or "so"):
            return await self._arrivals.refuse(case, Failure.FORGED, visit)
        connector = self._connectors.of(case.connection.kind)
        answer = dict(pairs)
        try:
            identity = await self._guard.call(
                case.connection,
                lambda: connector.complete(case.connection, case.kept, answer, case.trace),
                arrived_at=visit.arrived_at,
            )
        except SignInRefused as refused:
            if case.trace.failed is None:
                case.trace.check("provider", passed=False, expected="an answer that counts", received=str(refused))
            failed = await self._arrivals.refuse(case, of_refusal(refused.refusal), visit)
            is_theirs = refused.refusal is Refusal.CANCELLED and case.wanted.purpose is Purpose.RETURN
            # Whoever stopped it knows why, and the app they came from has its own way on.
            return Leave(url=failed.back) if is_theirs and failed.back is not None else failed
        return await self._arrivals.arrive(case, identity, visit)
