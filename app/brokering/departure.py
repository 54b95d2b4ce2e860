"""Sending a browser out to another provider."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from app.brokering.asked import RETURN_TO, AppRequests, hint_of
from app.brokering.case import KIND, Case, Failed, Leave, Outcome, Purpose, Visit, Wanted
from app.brokering.conclude import Conclusions
from app.brokering.failure import Failure, of_refusal
from app.brokering.guard import ProviderGuard
from app.brokering.keeping import Sealing
from app.brokering.turns import Crowded, Part, Turns
from app.federation.connector import Asked, Connection, SignInRefused
from app.federation.providers.connectors import Connectors
from app.federation.providers.service import IdentityProviders
from app.flows.service import Flows, NewFlow
from app.foundation.clock import Clock
from app.foundation.db import Database
from app.hosted.begin import SignInPages
from app.limits.service import Limits
from app.protocols.trace import Trace

PAGES_FLOW = "flow"
# Whoever must have signed in since a moment ago is asked anew, whatever the provider remembers.
_FRESH = timedelta(minutes=1)


class Departures:
    """Begins federated sign-ins. Each is a flow, written before the browser leaves."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        *,
        flows: Flows,
        providers: IdentityProviders,
        connectors: Connectors,
        pages: SignInPages,
        apps: AppRequests,
        guard: ProviderGuard,
        sealing: Sealing,
        conclusions: Conclusions,
        limits: Limits,
        turns: Turns,
    ) -> None:
        self._db = db
        self._clock = clock
        self._flows = flows
        self._providers = providers
        self._connectors = connectors
        self._pages = pages
        self._apps = apps
        self._guard = guard
        self._sealing = sealing
        self._conclusions = conclusions
        self._limits = limits
        self._turns = turns

    async def start(self, provider_id: str, asked: Mapping[str, str], visit: Visit) -> Outcome:
        """Begin what an app asks for, or the sign-in pages by `flow`, or whoever came alone.

        Raises IdentityProviderNotFound, TooManyAttempts, DatabaseUnavailable.
        """
        trace = Trace()
        try:
            async with self._turns.take(Part.LEAVE, visit.arrived_at):
                await self._limits.federated_start(visit.origin)
                connection = await self._providers.get(None, provider_id)
                wanted = await self._wanted(connection, asked, trace, visit)
        except Crowded:
            return await self._conclusions.crowded(visit)
        return wanted if isinstance(wanted, Failed) else await self.depart(connection, wanted, visit, trace)

    async def depart(self, connection: Connection, wanted: Wanted, visit: Visit, trace: Trace) -> Outcome:
        """Send the browser to the provider for what is wanted, which was checked."""
        try:
            async with self._guard.place(connection, visit.arrived_at, leaves=True):
                return await self._depart(connection, wanted, visit, trace)
        except Crowded:
            return await self._conclusions.crowded(visit)

    async def _wanted(
        self, connection: Connection, asked: Mapping[str, str], trace: Trace, visit: Visit
    ) -> Wanted | Failed:
        """What a start asks for, judged."""
        if RETURN_TO in asked:
            for_app = await self._apps.judge(asked, trace)
            if for_app is None:
                return await self._refused(connection, Wanted(purpose=Purpose.RETURN), trace, visit)
            return for_app
        wanted = await self._from_pages(asked.get(PAGES_FLOW), visit)
        if wanted is None:
            return self._conclusions.failed(None, Failure.OVER, connection.name)
        return wanted if wanted.login_hint is not None else replace(wanted, login_hint=hint_of(asked.get("login_hint")))

    async def _depart(self, connection: Connection, wanted: Wanted, visit: Visit, trace: Trace) -> Outcome:
        flow_id = Flows.new_id()
        case = Case(flow_id=flow_id, connection=connection, wanted=wanted, trace=trace, is_kept=False)
        connector = self._connectors.of(connection.kind)
        asked = self._asked(flow_id, wanted, visit)
        try:
            departure = await self._guard.call(
                connection, lambda: connector.begin(connection, asked), proves=False, arrived_at=visit.arrived_at
            )
        except SignInRefused as refused:
            trace.check("provider", passed=False, expected="can be asked", received=str(refused))
            async with self._turns.take(Part.REFUSE):
                return await self._conclusions.refuse(case, of_refusal(refused.refusal), visit)
        request = {
            "wanted": wanted.as_json(),
            "provider": connection.id,
            "kept": self._sealing.seal(flow_id, departure.kept),
        }
        flow = NewFlow(kind=KIND, client_id=wanted.client_id, request=request, raw_browser=visit.raw_browser)
        async with self._turns.take(Part.LEAVE, visit.arrived_at), self._db.transaction() as tx:
            await self._flows.open(tx, flow_id, flow, trace, origin=visit.origin)
        return Leave(url=departure.url, fields=departure.fields)

    def _asked(self, flow_id: str, wanted: Wanted, visit: Visit) -> Asked:
        after = wanted.signed_in_after
        if after is None:
            return Asked(state=flow_id, login_hint=wanted.login_hint, ui_locales=visit.locale)
        age = max(self._clock.now() - after, timedelta())
        return Asked(
            state=flow_id,
            login_hint=wanted.login_hint,
            max_age=int(age.total_seconds()),
            prompts_again=age < _FRESH,
            ui_locales=visit.locale,
        )

    async def _from_pages(self, pages_flow: str | None, visit: Visit) -> Wanted | None:
        """What the sign-in at the pages needs; None where it is over, or another browser's."""
        if pages_flow is None:
            return Wanted(purpose=Purpose.PAGES)
        flow = await self._pages.find(pages_flow, visit.raw_sign_in)
        if flow is None:
            return None
        needed = flow.requirements
        return Wanted(
            purpose=Purpose.PAGES,
            pages=flow.id,
            client_name=None if needed.client is None else needed.client.name,
            acr=needed.acr,
            signed_in_after=needed.signed_in_after,
            login_hint=hint_of(flow.progress.email or needed.login_hint),
        )

    async def _refused(self, connection: Connection, wanted: Wanted, trace: Trace, visit: Visit) -> Failed:
        case = Case(flow_id=Flows.new_id(), connection=connection, wanted=wanted, trace=trace, is_kept=False)
        return await self._conclusions.refuse(case, Failure.ASKED_WRONG, visit)
