"""Linking an identity to an account: begun by its owner, proven at the provider, and confirmed by its owner again."""

from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

from app.brokering.admission import Admission, Arrival
from app.brokering.case import CONFIRM_PATH, KIND, Case, GoTo, Outcome, Purpose, Visit, Wanted
from app.brokering.conclude import LINKS_PATH, Conclusions
from app.brokering.departure import Departures
from app.brokering.failure import Failure, of_reason
from app.brokering.keeping import Sealing, identity_of
from app.federation.connector import Connection, FederatedIdentity
from app.federation.identities.decide import Reason
from app.federation.providers.service import IdentityProviders
from app.flows.errors import FlowOver
from app.flows.flow import Flow
from app.flows.service import Flows
from app.foundation.clock import Clock
from app.foundation.db import Database
from app.grants.by_cookie import BrowserCaller, BrowserInspection
from app.hosted.begin import SignInPages, SignInRequirements
from app.protocols.trace import Trace


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Question:
    """Whether this identity shall be this user's."""

    flow_id: str
    connection: Connection
    identity: FederatedIdentity
    caller: BrowserCaller


class IdentityLinking:
    """Each step needs the owner's own session in this browser, in which they proved a moment ago who they are.

    So nobody who is led to an address links anything: not by opening it, and not with a state of somebody else's.
    `within` is how long ago.
    """

    def __init__(
        self,
        db: Database,
        clock: Clock,
        *,
        flows: Flows,
        providers: IdentityProviders,
        departures: Departures,
        admission: Admission,
        browsers: BrowserInspection,
        pages: SignInPages,
        sealing: Sealing,
        conclusions: Conclusions,
        within: timedelta,
    ) -> None:
        self._db = db
        self._clock = clock
        self._flows = flows
        self._providers = providers
        self._departures = departures
        self._admission = admission
        self._browsers = browsers
        self._pages = pages
        self._sealing = sealing
        self._conclusions = conclusions
        self._within = within

    async def caller(self, visit: Visit) -> BrowserCaller | None:
        """Who is signed in at this browser."""
        return None if visit.raw_session is None else await self._browsers.find_live(visit.raw_session)

    async def begin(self, provider_id: str, visit: Visit) -> Outcome:
        """Go to the provider, or first to a fresh sign-in. Raises IdentityProviderNotFound."""
        caller = await self.fresh(visit)
        if caller is None:
            return await self.to_sign_in(visit, resume_at=LINKS_PATH)
        connection = await self._providers.get(None, provider_id)
        wanted = Wanted(purpose=Purpose.LINK, sub=caller.sub)
        return await self._departures.depart(connection, wanted, visit, Trace())

    async def question(self, flow_id: str, visit: Visit) -> Question | GoTo:
        """What the owner is to be asked, or where they must sign in afresh first. Raises FlowOver."""
        flow = await self._parked(flow_id, visit)
        caller = await self.fresh(visit)
        if caller is None:
            return await self.to_sign_in(visit, resume_at=_confirm(flow_id))
        return await self._question(flow, caller)

    async def decide(self, flow_id: str, visit: Visit, *, agreed: bool) -> Outcome:
        """Link, or let it be. Raises FlowOver."""
        flow = await self._parked(flow_id, visit)
        caller = await self.fresh(visit)
        if caller is None:
            return await self.to_sign_in(visit, resume_at=_confirm(flow_id))
        asked = await self._question(flow, caller)
        case = Case(
            flow_id=flow.id,
            connection=asked.connection,
            wanted=Wanted.of(flow.request["wanted"]),
            trace=Trace(flow.checks),
        )
        if not agreed:
            case.trace.check("confirmation", passed=False, expected="its owner agrees", received="its owner does not")
            await self._conclusions.refuse(case, Failure.CANCELLED, visit, subject=caller.sub)
            return GoTo(path=LINKS_PATH)
        case.trace.check("confirmation", passed=True, expected="its owner agrees", received="its owner does")
        await self._take(flow, visit)
        arrival = Arrival(connection=asked.connection, identity=asked.identity, flow_id=flow.id, origin=visit.origin)
        linked = await self._admission.link(arrival, caller.sub)
        if isinstance(linked, Reason):
            case.trace.check("account", passed=False, expected="nobody's, or theirs", received=linked.value)
            return await self._conclusions.refuse(case, of_reason(linked), visit, subject=caller.sub)
        async with self._db.transaction() as tx:
            await self._conclusions.grant(tx, case, visit, subject=caller.sub)
        return GoTo(path=LINKS_PATH)

    async def to_sign_in(self, visit: Visit, *, resume_at: str) -> GoTo:
        """To the pages, for a fresh sign-in of whoever is signed in here."""
        caller = await self.caller(visit)
        requirements = SignInRequirements(
            sub=None if caller is None else caller.sub, signed_in_after=self._clock.now() - self._within
        )
        async with self._db.transaction() as tx:
            return GoTo(path=await self._pages.begin(tx, requirements, resume_at=resume_at))

    async def fresh(self, visit: Visit) -> BrowserCaller | None:
        """Who is signed in at this browser, if they proved a moment ago who they are."""
        caller = await self.caller(visit)
        if caller is None or self._clock.now() - caller.context.auth_time > self._within:
            return None
        return caller

    async def _parked(self, flow_id: str, visit: Visit) -> Flow:
        async with self._db.transaction() as tx:
            flow = await self._flows.take(tx, flow_id, KIND, visit.raw_browser)
        if "identity" not in flow.request:
            raise FlowOver(detail="no identity waits in it")
        return flow

    async def _take(self, flow: Flow, visit: Visit) -> None:
        """Take the identity out of its flow: of two answers at once one counts. Raises FlowOver."""
        async with self._db.transaction() as tx:
            held = await self._flows.take(tx, flow.id, KIND, visit.raw_browser)
            if "identity" not in held.request:
                raise FlowOver(detail="answered before")
            request = {name: value for name, value in held.request.items() if name != "identity"}
            await self._flows.record(tx, flow.id, Trace(held.checks), request=request)

    async def _question(self, flow: Flow, caller: BrowserCaller) -> Question:
        if caller.sub != flow.subject:
            raise FlowOver(detail="somebody else is signed in by now")
        connection = await self._providers.get(None, flow.request["provider"])
        identity = identity_of(self._sealing.open(flow.id, flow.request["identity"]))
        return Question(flow_id=flow.id, connection=connection, identity=identity, caller=caller)


def _confirm(flow_id: str) -> str:
    return f"{CONFIRM_PATH}?{urlencode({'flow': flow_id})}"
