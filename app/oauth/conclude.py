"""Writing how an authorization stands, and the words that go back to its client."""

from dataclasses import dataclass

from app.audit.event import ANONYMOUS, Actor, ActorKind
from app.audit.service import AuditLog
from app.clients.registered import RegisteredClient
from app.flows.flow import Flow
from app.flows.flow import Outcome as FlowOutcome
from app.flows.service import Flows, NewFlow
from app.foundation.db import Database, Transaction
from app.limits.service import Limits
from app.oauth.case import KIND, Answer, Case, Visit
from app.oauth.events import AuthorizationRefused
from app.protocols.oauth.authorization_error import RequestRefused
from app.protocols.oauth.authorization_parameters import ResponseTarget
from app.protocols.trace import Trace


class Conclusions:
    """Keeps flows and records refusals: each leaves one audit entry, up to a limit of its client and address."""

    def __init__(self, db: Database, flows: Flows, audit: AuditLog, limits: Limits, *, issuer: str) -> None:
        self._db = db
        self._limits = limits
        self._flows = flows
        self._audit = audit
        self._issuer = issuer

    def success(self, target: ResponseTarget, raw_code: str) -> Answer:
        """The answer that carries a code. Spec: RFC 6749 §4.1.2, RFC 9207 §2."""
        return Answer(target=target, members=target.answer({"code": raw_code}, issuer=self._issuer))

    def error(self, target: ResponseTarget, refused: RequestRefused, flow_id: str | None) -> Answer:
        """The answer that says why not; its description names the flow, which operators can look up if it was kept."""
        words = refused.description if flow_id is None else f"{refused.description} (flow {flow_id})"
        members = target.answer({"error": refused.error.value, "error_description": words}, issuer=self._issuer)
        return Answer(target=target, members=members)

    async def keep(
        self,
        tx: Transaction,
        case: Case,
        visit: Visit,
        *,
        subject: str | None = None,
        outcome: FlowOutcome = FlowOutcome.PENDING,
        error: str | None = None,
    ) -> None:
        """Write how a flow stands now."""
        if case.is_kept:
            await self._flows.record(
                tx,
                case.flow_id,
                case.trace,
                outcome=outcome,
                error=error,
                subject=subject,
                request=case.kept() if outcome is FlowOutcome.PENDING else None,
            )
            return
        flow = NewFlow(kind=KIND, client_id=case.client.client_id, request=case.kept(), raw_browser=visit.raw_browser)
        await self._flows.open(
            tx,
            case.flow_id,
            flow,
            case.trace,
            origin=visit.origin,
            outcome=outcome,
            error=error,
            subject=subject,
            opened_at=case.opened_at,
        )

    async def refuse(
        self, tx: Transaction, case: Case, refused: RequestRefused, visit: Visit, *, subject: str | None
    ) -> Answer:
        """End a flow by a refusal that goes back to the client."""
        await self.keep(tx, case, visit, subject=subject, outcome=FlowOutcome.REFUSED, error=refused.error.value)
        ended = _Ended(flow_id=case.flow_id, client_id=case.client.client_id, trace=case.trace, subject=subject)
        await self._record(tx, ended, refused, visit)
        return self.error(case.target, refused, case.flow_id)

    async def refuse_fresh(self, case: Case, refused: RequestRefused, visit: Visit, *, subject: str | None) -> Answer:
        """Refuse a request of which nothing is written yet; by a transaction of its own."""
        if not await self._limits.refused_authorization(case.client.client_id, visit.origin):
            return self.error(case.target, refused, None)
        async with self._db.transaction() as tx:
            return await self.refuse(tx, case, refused, visit, subject=subject)

    async def refuse_kept(
        self, flow: Flow, target: ResponseTarget, trace: Trace, refused: RequestRefused, visit: Visit
    ) -> Answer:
        """End a flow that is kept. Raises FlowOver where somebody else has ended it meanwhile."""
        async with self._db.transaction() as tx:
            await self._flows.take(tx, flow.id, KIND, visit.raw_browser)
            await self._flows.record(tx, flow.id, trace, outcome=FlowOutcome.REFUSED, error=refused.error.value)
            ended = _Ended(flow_id=flow.id, client_id=flow.client_id, trace=trace, subject=flow.subject)
            await self._record(tx, ended, refused, visit)
        return self.error(target, refused, flow.id)

    async def fail(
        self, flow_id: str, client: RegisteredClient | None, trace: Trace, refused: RequestRefused, visit: Visit
    ) -> str | None:
        """Write a flow that ended before it began, and return its id; None where so many did that none is kept."""
        client_id = client.client_id if client else None
        if not await self._limits.refused_authorization(client_id or "", visit.origin):
            return None
        flow = NewFlow(kind=KIND, client_id=client_id, request={})
        async with self._db.transaction() as tx:
            await self._flows.open(
                tx,
                flow_id,
                flow,
                trace,
                origin=visit.origin,
                outcome=FlowOutcome.REFUSED,
                error=refused.error.value,
            )
            await self._record(tx, _Ended(flow_id=flow_id, client_id=client_id, trace=trace), refused, visit)
        return flow_id

    async def _record(self, tx: Transaction, ended: "_Ended", refused: RequestRefused, visit: Visit) -> None:
        # An app asks with prompt=none whenever it starts: that the user would have to be asked is no refusal.
        if refused.error.asks_for_a_page:
            return
        failed, subject = ended.trace.failed, ended.subject
        event = AuthorizationRefused(
            actor=Actor(ActorKind.USER, subject) if subject else ANONYMOUS,
            origin=visit.origin,
            subject=subject,
            client_id=ended.client_id,
            error=refused.error.value,
            check=failed.name if failed else None,
            flow_id=ended.flow_id,
        )
        await self._audit.record(tx, event)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class _Ended:
    """A flow that has ended by a refusal."""

    flow_id: str
    client_id: str | None
    trace: Trace
    subject: str | None = None
