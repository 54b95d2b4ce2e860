"""A provider's response: judged when it comes, and brought home by the browser whose sign-in it answers."""

from collections.abc import Mapping
from typing import Any

from app.brokering.arrival import Arrivals
from app.brokering.case import Case, Failed, Leave, Outcome, Purpose, Visit
from app.brokering.conclude import Conclusions
from app.brokering.failure import Failure, of_refusal
from app.brokering.guard import ProviderGuard
from app.brokering.keeping import identity_as_json, identity_of
from app.federation.connector import Connection, ConnectorKind, Refusal, SignInRefused
from app.federation.providers.errors import IdentityProviderNotFound
from app.federation.providers.service import IdentityProviders
from app.federation.saml.connector import SAMLConnector
from app.federation.saml.memory import ParkedResponses
from app.flows.errors import FlowNotFound, FlowOver
from app.foundation.origin import Origin
from app.limits.service import Limits
from app.protocols.trace import Check, Trace

RELAY_STATE = "RelayState"


class SAMLAnswers:
    """Takes responses, in two steps."""

    def __init__(
        self,
        *,
        providers: IdentityProviders,
        connector: SAMLConnector,
        parked: ParkedResponses,
        arrivals: Arrivals,
        conclusions: Conclusions,
        guard: ProviderGuard,
        limits: Limits,
    ) -> None:
        self._providers = providers
        self._connector = connector
        self._parked = parked
        self._arrivals = arrivals
        self._conclusions = conclusions
        self._guard = guard
        self._limits = limits

    async def connection(self, provider_id: str) -> Connection:
        """A connection that speaks SAML. Raises IdentityProviderNotFound."""
        connection = await self._providers.get(None, provider_id)
        if connection.kind is not ConnectorKind.SAML:
            raise IdentityProviderNotFound
        return connection

    async def judge(self, provider_id: str, fields: Mapping[str, str], origin: Origin) -> str:
        """Judge a response, keep what it comes to, and return the id by which its browser takes that.

        Nobody is signed in, and no flow ends: whoever sent this brought no cookie. Of those who send nonsense in great
        numbers nothing is kept, and the id is empty. Raises IdentityProviderNotFound,
        DatabaseUnavailable, Unavailable.
        """
        connection = await self.connection(provider_id)
        state, kept = await self._asked(connection, fields.get(RELAY_STATE))
        trace = Trace()
        said: dict[str, Any] = {"provider": connection.id, "state": state}
        try:
            identity = await self._guard.call(
                connection, lambda: self._connector.complete(connection, kept, fields, trace), proves=False
            )
            said["identity"] = identity_as_json(identity)
        except SignInRefused as refused:
            if trace.failed is None:
                trace.check("provider", passed=False, expected="an answer that counts", received=str(refused))
            said["refusal"] = refused.refusal.value
            if not await self._limits.refused_authorization(connection.id, origin):
                return ""
        return await self._parked.park({**said, "checks": [check.as_json() for check in trace.checks]})

    async def take(self, provider_id: str, raw_id: str, visit: Visit) -> Outcome:
        """Go on with what was parked: once, and at the browser that its flow belongs to. Raises DatabaseUnavailable."""
        said = await self._parked.take(raw_id)
        if said is None or said["provider"] != provider_id:
            return self._conclusions.failed(None, Failure.OVER, None)
        try:
            if said["state"] is None:
                case: Case | Failed = Arrivals.unasked(await self.connection(provider_id))
            else:
                case = await self._arrivals.claim(said["state"], provider_id, visit, waits=True)
        except (FlowOver, IdentityProviderNotFound):
            return self._conclusions.failed(None, Failure.OVER, None)
        if isinstance(case, Failed):
            return case
        _note(said["checks"], case.trace)
        if "refusal" in said:
            return await self._refused(case, Refusal(said["refusal"]), visit)
        return await self._arrivals.arrive(case, identity_of(said["identity"]), visit)

    async def _refused(self, case: Case, refusal: Refusal, visit: Visit) -> Outcome:
        failed = await self._arrivals.refuse(case, of_refusal(refusal), visit)
        is_theirs = refusal is Refusal.CANCELLED and case.wanted.purpose is Purpose.RETURN
        # Whoever stopped it knows why, and the app they came from has its own way on.
        return Leave(url=failed.back) if is_theirs and failed.back is not None else failed

    async def _asked(self, connection: Connection, state: str | None) -> tuple[str | None, Mapping[str, Any]]:
        """The flow that a response says it answers, with what was kept of our request; nothing where there is none."""
        if state is not None:
            try:
                return state, await self._arrivals.kept_of(state, connection.id)
            except (FlowOver, FlowNotFound):
                # Nobody began it, it is over, or it is another provider's: judged as what nobody asked for.
                return None, {}
        return None, {}


def _note(checks: list[dict[str, Any]], trace: Trace) -> None:
    """Put what was checked when the response came among the checks of its flow."""
    for check in map(Check.of, checks):
        trace.check(check.name, check.passed, expected=check.expected, received=check.received)
