"""Authorizing a client: judge the request, have the user sign in and agree, give a code. Spec: RFC 6749 §4.1.

Each request is a flow. What it needs of the user is looked at anew whenever the browser comes back: nothing that a
page did is believed. Of two who end one flow at once, one gets a code.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.clients.registered import ClientDirectory, RegisteredClient
from app.flows.errors import FlowNotFound
from app.flows.flow import Flow
from app.flows.service import Flows
from app.foundation.clock import Clock
from app.foundation.db import Database
from app.grants.errors import InsufficientAuthentication, SessionOver
from app.oauth.case import KIND, Case, Failure, Outcome, Question, Visit, target_kept
from app.oauth.conclude import Conclusions
from app.oauth.judge import RequestJudge
from app.oauth.progress import CONSENT_PATH, Progress
from app.protocols.oauth.authorization_error import AuthorizationError, RequestRefused
from app.protocols.oauth.authorization_parameters import (
    FIRST_STAGE,
    ResponseTarget,
    client_id_of,
    read_parameters,
    redirect_uri_of,
    response_target,
)
from app.protocols.oauth.authorization_request import AuthorizationRequest
from app.protocols.trace import Trace

__all__ = ["CONSENT_PATH", "Authorization"]


class Authorization:
    """The use cases of the authorization endpoint."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        *,
        flows: Flows,
        clients: ClientDirectory,
        judge: RequestJudge,
        progress: Progress,
        conclusions: Conclusions,
    ) -> None:
        self._db = db
        self._clock = clock
        self._flows = flows
        self._clients = clients
        self._judge = judge
        self._progress = progress
        self._conclusions = conclusions

    async def begin(self, pairs: Sequence[tuple[str, str]], visit: Visit) -> Outcome:
        """Take a request, of whatever pairs. Raises DatabaseUnavailable."""
        flow_id, trace, opened_at = self._flows.new_id(), Trace(), self._clock.now()
        parameters = read_parameters(pairs)
        client: RegisteredClient | None = None
        try:
            client = await self._client(client_id_of(parameters, trace), trace)
            target = redirect_uri_of(parameters, client.redirect_uris, native=client.is_native, trace=trace)
        except RequestRefused as refused:
            # Where an answer may go is not known: the person at the browser is told, and nobody else.
            kept = await self._conclusions.fail(flow_id, client, trace, refused, visit)
            return _failure(kept, client, trace, refused.error.value)
        target = response_target(parameters, target)
        try:
            case = await self._judge.case(flow_id, client, parameters, target, trace=trace, opened_at=opened_at)
        except RequestRefused as refused:
            kept = await self._conclusions.fail(flow_id, client, trace, refused, visit)
            return self._conclusions.error(target, refused, kept)
        return await self._go_on(case, visit)

    async def failure(self, flow_id: str) -> Failure:
        """Why a flow failed, once more. Raises FlowNotFound, DatabaseUnavailable."""
        flow = await self._flows.explain(flow_id)
        if flow.kind != KIND or flow.error is None:
            raise FlowNotFound
        client = await self._clients.read(flow.client_id) if flow.client_id else None
        return _failure(flow.id, client, Trace(flow.checks), flow.error)

    async def resume(self, flow_id: str, visit: Visit, *, another_account: bool = False) -> Outcome:
        """Look again at a flow whose browser has come back. Raises FlowOver, DatabaseUnavailable.

        With `another_account` the user is asked whose account it shall be first.
        """
        async with self._db.transaction() as tx:
            flow = await self._flows.take(tx, flow_id, KIND, visit.raw_browser)
        case = await self._restored(flow)
        if isinstance(case, _Refusal):
            return await self._conclusions.refuse_kept(case.flow, case.target, case.trace, case.refused, visit)
        if another_account:
            asked = replace(case.request, prompt=case.request.prompt | {"select_account"})
            case = replace(case, request=asked, has_chosen=False)
        return await self._go_on(case, visit)

    async def question(self, flow_id: str, visit: Visit) -> Outcome:
        """What the user is to be asked, or where they have to go instead. Raises as `resume`."""
        outcome = await self.resume(flow_id, visit)
        if not self._progress.leads_to_consent(outcome):
            return outcome
        async with self._db.transaction() as tx:
            case = await self._restored(await self._flows.take(tx, flow_id, KIND, visit.raw_browser))
            caller = await self._progress.caller(visit)
            if isinstance(case, _Refusal) or caller is None:
                return outcome
            known = await self._progress.known_scopes(tx, caller, case.client.client_id)
        return Question(case=case, caller=caller, known=known)

    async def decide(self, flow_id: str, visit: Visit, *, agreed: bool) -> Outcome:
        """What the user answered: a code and a memory of it, or `access_denied`. Raises as `resume`."""
        async with self._db.transaction() as tx:
            flow = await self._flows.take(tx, flow_id, KIND, visit.raw_browser)
        case = await self._restored(flow)
        if isinstance(case, _Refusal):
            return await self._conclusions.refuse_kept(case.flow, case.target, case.trace, case.refused, visit)
        if not agreed:
            case.trace.check("consent", passed=False, expected="the user agrees", received="the user does not")
            refused = RequestRefused(AuthorizationError.ACCESS_DENIED, "The user does not agree.")
            return await self._conclusions.refuse_kept(flow, case.target, case.trace, refused, visit)
        return await self._go_on(case, visit, has_just_agreed=True)

    async def _go_on(self, case: Case, visit: Visit, *, has_just_agreed: bool = False) -> Outcome:
        try:
            return await self._attempt(case, visit, has_just_agreed=has_just_agreed)
        except InsufficientAuthentication as weak:
            # A role of this user asks for more than the audience does of everybody.
            stronger = replace(case, required_acr=weak.required)
            return await self._attempt(stronger, visit, has_just_agreed=False)
        except SessionOver:
            return await self._attempt(case, replace(visit, raw_session=None), has_just_agreed=False)

    async def _attempt(self, case: Case, visit: Visit, *, has_just_agreed: bool) -> Outcome:
        """One try, in one transaction: what it does is done whole or not at all."""
        caller = await self._progress.caller(visit)
        async with self._db.transaction() as tx:
            if case.is_kept:
                # Whoever comes second waits here, and finds it ended.
                await self._flows.take(tx, case.flow_id, KIND, visit.raw_browser)
            try:
                return await self._progress.step(tx, case, caller, visit, has_just_agreed=has_just_agreed)
            except RequestRefused as refused:
                refusal, subject = refused, caller.sub if caller else None
                if case.is_kept:
                    return await self._conclusions.refuse(tx, case, refusal, visit, subject=subject)
        # Nothing was written, and how much may be is asked with no connection held.
        return await self._conclusions.refuse_fresh(case, refusal, visit, subject=subject)

    async def _client(self, client_id: str, trace: Trace) -> RegisteredClient:
        client = await self._clients.read(client_id)
        usable = client if client is not None and client.enabled else None
        expected = "the id of a registered client that is enabled"
        # One answer, and one reading of the database, whether there is none or it is disabled.
        if not trace.check("client_id", usable is not None, expected=expected, received=client_id) or usable is None:
            raise RequestRefused(AuthorizationError.UNAUTHORIZED_CLIENT, "There is no such client.")
        return usable

    async def _restored(self, flow: Flow) -> "Case | _Refusal":
        """The case of a flow, judged by what its client is now."""
        target, trace = target_kept(flow.request), Trace(flow.checks)
        try:
            client = await self._client(flow.client_id or "", trace)
            asked = AuthorizationRequest.of(flow.request["asked"])
            case = await self._judge.restored(flow.id, client, asked, target, trace=trace, opened_at=flow.created_at)
        except RequestRefused as refused:
            return _Refusal(flow=flow, target=target, trace=trace, refused=refused)
        return replace(case, has_chosen=flow.request["has_chosen"])


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class _Refusal:
    """A flow whose client may not ask for it any more."""

    flow: Flow
    target: ResponseTarget
    trace: Trace
    refused: RequestRefused


def _failure(flow_id: str | None, client: RegisteredClient | None, trace: Trace, error: str) -> Failure:
    failed = trace.failed
    return Failure(
        flow_id=flow_id,
        error=error,
        was_told=failed is None or failed.name not in FIRST_STAGE,
        checks=trace.checks,
        client_name=client.name if client else None,
        client_uri=client.client_uri if client else None,
    )
