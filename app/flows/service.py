"""Opening, taking up, ending and explaining flows."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row

from app.flows import store
from app.flows.errors import FlowNotFound, FlowOver
from app.flows.flow import Flow, Outcome
from app.flows.settings import FlowSettings
from app.foundation.clock import Clock
from app.foundation.db import Database, Transaction
from app.foundation.origin import Origin
from app.foundation.secrets import hash_secret, is_random_id, random_id
from app.protocols.trace import Check, Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFlow:
    """A flow to be opened. `raw_browser` is the cookie of the browser that it belongs to, if it is to be taken up."""

    kind: str
    client_id: str | None
    request: Mapping[str, Any]
    raw_browser: str | None = None


class Flows:
    """The flows of this deployment."""

    def __init__(self, db: Database, clock: Clock, settings: FlowSettings) -> None:
        self._db = db
        self._clock = clock
        self._pending = timedelta(seconds=settings.pending_seconds)

    @staticmethod
    def new_id() -> str:
        """The id of a flow that is to be opened, for who must tell of it before it is written."""
        return random_id()

    async def open(
        self,
        tx: Transaction,
        flow_id: str,
        flow: NewFlow,
        trace: Trace,
        *,
        origin: Origin,
        outcome: Outcome = Outcome.PENDING,
        error: str | None = None,
        subject: str | None = None,
        opened_at: datetime | None = None,
    ) -> None:
        """Write a flow: pending, or one that came to its end at once."""
        now = self._clock.now()
        row = {
            "id": flow_id,
            "kind": flow.kind,
            "client_id": flow.client_id,
            "subject": subject,
            "request": dict(flow.request),
            "checks": [check.as_json() for check in trace.checks],
            "outcome": outcome.value,
            "error": error,
            "browser_hash": None if flow.raw_browser is None else hash_secret(flow.raw_browser),
            "trace_id": origin.trace_id,
            "created_at": opened_at or now,
            "expires_at": now + self._pending,
            "ended_at": None if outcome is Outcome.PENDING else now,
        }
        await store.put(tx, row)

    async def take(self, tx: Transaction, flow_id: str, kind: str, raw_browser: str | None) -> Flow:
        """A pending flow of this browser, held until `tx` ends: who comes at the same time waits. Raises FlowOver."""
        if raw_browser is None or not is_random_id(flow_id):
            raise FlowOver(detail="no id of a flow, or no cookie of a browser")
        row = await store.take(tx, flow_id, kind, hash_secret(raw_browser), now=self._clock.now())
        if row is None:
            raise FlowOver(detail="unknown, ended, expired, or another browser's")
        return _flow(row)

    async def record(
        self,
        tx: Transaction,
        flow_id: str,
        trace: Trace,
        *,
        outcome: Outcome = Outcome.PENDING,
        error: str | None = None,
        subject: str | None = None,
        request: Mapping[str, Any] | None = None,
    ) -> None:
        """Write what was checked meanwhile, and the end if it has come."""
        values: dict[str, Any] = {
            "checks": [check.as_json() for check in trace.checks],
            "outcome": outcome.value,
            "error": error,
            "ended_at": None if outcome is Outcome.PENDING else self._clock.now(),
        }
        if subject is not None:
            values["subject"] = subject
        if request is not None:
            values["request"] = dict(request)
        await store.change(tx, flow_id, values)

    async def explain(self, flow_id: str) -> Flow:
        """A flow by its id, for operators. A use case of its own. Raises FlowNotFound."""
        row = None
        if is_random_id(flow_id):
            async with self._db.transaction() as tx:
                row = await store.find(tx, flow_id)
        if row is None:
            raise FlowNotFound
        return _flow(row)


def _flow(row: Row[Any]) -> Flow:
    values = row._asdict()
    checks = tuple(Check.of(kept) for kept in values["checks"])
    return Flow(**{**values, "checks": checks, "outcome": Outcome(values["outcome"])})
