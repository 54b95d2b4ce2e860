"""`/admin/flows`: why an authorization came to the end that it came to."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import Path
from pydantic import BaseModel

from app.admin.guard import requires
from app.admin.routing import AdminRouter
from app.flows.service import Flows
from app.foundation.principal import Principal
from app.foundation.provide import provide

router = AdminRouter("flows")


class CheckBody(BaseModel):
    """One check, with what was expected and what came; of secrets only their length is shown."""

    name: str
    passed: bool
    expected: str | None
    received: str | None


class FlowBody(BaseModel):
    """A flow: who asked, how it ended, and what was checked, in order. `subject` is whose sign-in it was."""

    id: str
    kind: str
    client_id: str | None
    subject: str | None
    outcome: str
    error: str | None
    checks: Sequence[CheckBody]
    trace_id: str
    created_at: str
    expires_at: str
    ended_at: str | None


@router.get("/{flow_id}", summary="Why did this fail?")
async def explain_flow(
    flow_id: Annotated[str, Path(max_length=64)],
    flows: Annotated[Flows, provide(Flows)],
    _: Annotated[Principal, requires("admin:flows:read")],
) -> FlowBody:
    """Every check that a flow passed or failed. Its id stands on the error page and in the error's description."""
    return FlowBody.model_validate((await flows.explain(flow_id)).as_json())
