"""Writing how a federated sign-in ended, and where its browser goes then."""

import contextlib
from dataclasses import replace
from urllib.parse import urlencode

from app.audit.event import ANONYMOUS, Actor, ActorKind
from app.audit.service import AuditLog
from app.brokering.case import KIND, Case, Failed, Visit, Wanted
from app.brokering.events import FederatedSignInRefused
from app.brokering.failure import Failure
from app.brokering.turns import Crowded, Part, Turns
from app.flows.flow import Outcome as FlowOutcome
from app.flows.service import Flows, NewFlow
from app.foundation.db import Database, Transaction
from app.foundation.metrics import Counter
from app.hosted.begin import LOGIN_PATH, path_of

LINKS_PATH = "/account/identities"
_SIGN_INS = Counter(
    "federated_sign_ins",
    "Sign-ins by other providers, by how they ended.",
    unit="sign-ins",
    result=("success", *(failure.value for failure in Failure)),
)


class Conclusions:
    """Keeps flows and records refusals: each leaves one audit entry."""

    def __init__(self, db: Database, flows: Flows, audit: AuditLog, *, issuer: str, turns: Turns) -> None:
        self._db = db
        self._flows = flows
        self._audit = audit
        self._issuer = issuer
        self._turns = turns

    async def refuse(self, case: Case, failure: Failure, visit: Visit, *, subject: str | None = None) -> Failed:
        """End a sign-in by a refusal, and say where its person may go on."""
        async with self._db.transaction() as tx:
            await self._end(tx, case, visit, outcome=FlowOutcome.REFUSED, error=failure.value, subject=subject)
            failed = case.trace.failed
            event = FederatedSignInRefused(
                actor=Actor(ActorKind.USER, subject) if subject else ANONYMOUS,
                origin=visit.origin,
                subject=subject,
                provider=case.connection.id,
                reason=failure.value,
                check=failed.name if failed else None,
                flow_id=case.flow_id,
            )
            await self._audit.record(tx, event)
        _SIGN_INS.add(failure.value)
        return self.failed(case.wanted, failure, case.connection.name)

    async def grant(self, tx: Transaction, case: Case, visit: Visit, *, subject: str) -> None:
        """End a sign-in well."""
        await self._end(tx, case, visit, outcome=FlowOutcome.GRANTED, error=None, subject=subject)
        _SIGN_INS.add("success")

    async def wait(self, case: Case, visit: Visit, *, subject: str, request: dict[str, object]) -> None:
        """Keep a sign-in that its person has to do something for first."""
        async with self._db.transaction() as tx:
            if not case.is_kept:
                await self._open(tx, case, visit)
            await self._flows.record(tx, case.flow_id, case.trace, subject=subject, request=request)

    async def crowded(self, visit: Visit) -> Failed:
        """What a person is told for whom nothing was begun, because too many came at once. Nothing is written."""
        _SIGN_INS.add(Failure.CROWDED.value)
        with contextlib.suppress(Crowded):
            # A crowd that is sent away is one too: its pages are drawn one after the other.
            async with self._turns.take(Part.TELL, visit.arrived_at):
                pass
        return replace(self.failed(None, Failure.CROWDED, None), may_repeat=True)

    def failed(self, wanted: Wanted | None, failure: Failure, provider: str | None) -> Failed:
        """What the person of a sign-in that came to nothing is shown."""
        if wanted is None or wanted.sub is not None:
            again = LOGIN_PATH if wanted is None else LINKS_PATH
        else:
            again = LOGIN_PATH if wanted.pages is None else path_of(wanted.pages)
        back = None
        if wanted is not None and wanted.return_to is not None:
            error = "access_denied" if failure is Failure.CANCELLED else "server_error"
            back = self.answer(wanted, {"error": error, "error_description": failure.value})
        return Failed(
            failure=failure,
            provider=provider,
            again=again,
            back=back,
            client_name=None if wanted is None else wanted.client_name,
        )

    def answer(self, wanted: Wanted, members: dict[str, str]) -> str:
        """The app's address with what it is told. Spec: RFC 6749 §4.1.2, RFC 9207 §2."""
        told = {**members, **({} if wanted.state is None else {"state": wanted.state}), "iss": self._issuer}
        address = wanted.return_to or ""
        return f"{address}{'&' if '?' in address else '?'}{urlencode(told)}"

    async def _end(
        self, tx: Transaction, case: Case, visit: Visit, *, outcome: FlowOutcome, error: str | None, subject: str | None
    ) -> None:
        if case.is_kept:
            # What was sealed in it is past use.
            request: dict[str, object] = {"wanted": case.wanted.as_json(), "provider": case.connection.id}
            await self._flows.record(
                tx, case.flow_id, case.trace, outcome=outcome, error=error, subject=subject, request=request
            )
            return
        await self._open(tx, case, visit, outcome=outcome, error=error, subject=subject)

    async def _open(
        self,
        tx: Transaction,
        case: Case,
        visit: Visit,
        *,
        outcome: FlowOutcome = FlowOutcome.PENDING,
        error: str | None = None,
        subject: str | None = None,
    ) -> None:
        flow = NewFlow(
            kind=KIND,
            client_id=case.wanted.client_id,
            request={"wanted": case.wanted.as_json(), "provider": case.connection.id},
            raw_browser=visit.raw_browser,
        )
        await self._flows.open(
            tx, case.flow_id, flow, case.trace, origin=visit.origin, outcome=outcome, error=error, subject=subject
        )
