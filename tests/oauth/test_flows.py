"""Flows: one browser's, taken up once, and explained to operators alone."""

import asyncio
from datetime import timedelta

import httpx2
import pytest

from app.flows.errors import FlowOver
from app.flows.flow import Outcome
from app.flows.service import NewFlow
from app.foundation.origin import Origin
from app.protocols.trace import Trace
from app.wiring import Services
from tests.administrators import Administrators
from tests.support import problem

pytestmark = pytest.mark.anyio

ORIGIN = Origin(ip=None, user_agent=None, trace_id="0" * 32)
BROWSER = "b" * 43


async def opened(services: Services, *, raw_browser: str | None = BROWSER) -> str:
    trace, flow_id = Trace(), services.flows.new_id()
    trace.check("redirect_uri", passed=False, expected="https://a.test/cb", received="https://a.test/cb/")
    new = NewFlow(kind="test", client_id="c_1", request={"state": "a secret of its client"}, raw_browser=raw_browser)
    async with services.db.transaction() as tx:
        await services.flows.open(tx, flow_id, new, trace, origin=ORIGIN)
    return flow_id


async def finish(services: Services, flow_id: str, *, raw_browser: str | None = BROWSER, kind: str = "test") -> None:
    async with services.db.transaction() as tx:
        flow = await services.flows.take(tx, flow_id, kind, raw_browser)
        await services.flows.record(tx, flow.id, Trace(flow.checks), outcome=Outcome.GRANTED)


async def test_of_ten_who_take_a_flow_up_at_once_one_ends_it(services: Services):
    flow_id = await opened(services)
    results = await asyncio.gather(*(finish(services, flow_id) for _ in range(10)), return_exceptions=True)
    assert sum(result is None for result in results) == 1
    assert sum(isinstance(result, FlowOver) for result in results) == 9


async def test_a_flow_is_taken_up_by_its_own_browser_in_its_time_and_as_its_kind(services: Services):
    flow_id = await opened(services)
    for wrong in ({"raw_browser": "c" * 43}, {"raw_browser": None}, {"kind": "other"}):
        with pytest.raises(FlowOver):
            await finish(services, flow_id, **wrong)
    for unknown in ("", "x" * 22, flow_id + "x", "\0"):
        with pytest.raises(FlowOver):
            await finish(services, unknown)
    services.clock.offset += timedelta(seconds=services.settings.flows.pending_seconds + 1)
    with pytest.raises(FlowOver):
        await finish(services, flow_id)


async def test_a_flow_is_explained_to_whoever_may_read_flows(
    api: httpx2.AsyncClient, services: Services, admins: Administrators
):
    flow_id = await opened(services)
    path = f"/admin/flows/{flow_id}"
    problem(await api.get(path), 401, "missing_token")
    problem(await api.get(path, headers=await admins.holding("admin:stats:read")), 403, "insufficient_scope")
    reader = await admins.holding("admin:flows:read")
    answer = await api.get(path, headers=reader)
    assert answer.status_code == 200, answer.text
    shown = answer.json()
    assert (shown["id"], shown["outcome"], shown["client_id"], shown["trace_id"]) == (
        flow_id,
        "pending",
        "c_1",
        "0" * 32,
    )
    received = {
        "name": "redirect_uri",
        "passed": False,
        "expected": "https://a.test/cb",
        "received": "https://a.test/cb/",
    }
    assert shown["checks"] == [received]
    assert "secret" not in answer.text
    problem(await api.get("/admin/flows/" + "x" * 22, headers=reader), 404, "flow_not_found")
    problem(await api.get("/admin/flows/nothing", headers=reader), 404, "flow_not_found")
