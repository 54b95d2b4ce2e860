"""Every operation that `/openapi.json` lists, asked with values made from its description and with wrong ones.

No answer is a fault of the server's, and none differs from what the document says of it: status, content type,
headers and body. Operations are taken from the document, so that a new one is tried without being named here.
"""

import asyncio
import contextlib
import json
from typing import Any

import httpx2
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import CHECKS, CheckContext, load_all_checks
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.core.transport import Response
from schemathesis.schemas import APIOperation

from app.audit.event import Actor, ActorKind
from app.foundation.origin import Origin
from app.wiring import Services
from tests.faults.deployment import length
from tests.openapi.served import served
from tests.support import PASSWORD

pytestmark = pytest.mark.anyio

SEED = 20
# For each operation: so many that fit its description, and as many that do not.
EXAMPLES = int(length(2, 100))
CHECKED = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
ADMINISTRATOR = "root@example.com"


@schemathesis.serializer("application/x-ndjson")
def as_lines(ctx: Any, value: Any) -> bytes:
    """A stream of lines is described as text, and sent as it is."""
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else json.dumps(value).encode()


def success_is_listed(ctx: CheckContext, response: Response, case: Case) -> bool | None:
    """`default` stands for refusals alone: whatever succeeds or redirects has its status in the document."""
    if response.status_code < 400 and str(response.status_code) not in case.operation.responses.status_codes:
        raise Failure(
            operation=case.operation.label,
            title="Success that the document does not list",
            message=f"{response.status_code} is not among {list(case.operation.responses.status_codes)}",
        )
    return None


class Caller:
    """Somebody who signs in again whenever a request has ended the session, or even the account."""

    def __init__(self, url: str, services: Services, loop: asyncio.AbstractEventLoop) -> None:
        self.url = url
        self.session = requests.Session()
        self._services = services
        self._loop = loop
        self._token = ""

    def headers(self, operation: APIOperation) -> dict[str, str]:
        # Checked before each request: the one before may have been a sign-out.
        if "security" not in operation.definition.raw:
            return {}
        own = {"Authorization": f"Bearer {self._token}"}
        if not self._token or self.session.get(f"{self.url}/auth/validate", headers=own, timeout=30).status_code != 200:
            self._token = self._sign_in()
        return {"Authorization": f"Bearer {self._token}"}

    def _sign_in(self) -> str:
        asyncio.run_coroutine_threadsafe(appoint(self._services), self._loop).result(60)
        body = {"email": ADMINISTRATOR, "password": PASSWORD}
        answer = self.session.post(f"{self.url}/auth/login", json=body, timeout=30)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])


async def appoint(services: Services) -> None:
    """Make the administrator, if there is none (any more)."""
    actor, origin = Actor(ActorKind.OPERATOR, "test"), Origin(ip=None, user_agent=None, trace_id="0" * 32)
    await services.administrators.create(email=ADMINISTRATOR, password=PASSWORD, actor=actor, origin=origin)


def try_all(url: str, document: dict[str, Any], caller: Caller | None) -> dict[str, list[int]]:
    """Ask every operation; the statuses that each answered with."""
    load_all_checks()
    answered = {}
    with requests.Session() as session:
        for result in schemathesis.openapi.from_dict(document).get_all_operations():
            operation = result.ok()
            answered[operation.label] = [
                status for mode in GenerationMode for status in explore(operation, mode, url, session, caller)
            ]
    return answered


def explore(
    operation: APIOperation, mode: GenerationMode, url: str, session: requests.Session, caller: Caller | None
) -> list[int]:
    """Ask one operation with a bounded number of requests, the same ones in every run."""
    checks = [*CHECKS.get_by_names(CHECKED), success_is_listed]
    statuses: list[int] = []

    @seed(SEED)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Case) -> None:
        headers = {} if caller is None else caller.headers(operation)
        response = case.call(base_url=url, session=session, headers=headers, allow_redirects=False, timeout=30)
        statuses.append(response.status_code)
        case.validate_response(response, checks=checks)

    # An operation that takes nothing has no wrong values.
    with contextlib.suppress(*((Unsatisfiable,) if mode is GenerationMode.NEGATIVE else ())):
        ask()
    return statuses


@pytest.mark.parametrize("signed_in", [False, True], ids=["anonymous", "administrator"])
async def test_no_answer_is_a_fault_or_differs_from_the_document(services: Services, signed_in: bool) -> None:
    async with served(services) as url, httpx2.AsyncClient(base_url=url) as client:
        document = json.loads((await client.get("/openapi.json")).content)
        caller = Caller(url, services, asyncio.get_running_loop()) if signed_in else None
        try:
            answered = await asyncio.to_thread(try_all, url, document, caller)
        finally:
            if caller is not None:
                caller.session.close()
    assert set(answered) == {
        f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods
    }
    assert all(answered.values())


@pytest.mark.parametrize(
    "lie",
    [
        {"responses": {"default": {"description": "Refused"}}},
        {"responses": {"204": {"description": "Nothing"}}},
        {"responses": {"200": {"description": "Live", "content": {"text/plain": {"schema": {"type": "string"}}}}}},
        {"responses": {"200": {"description": "Live", "content": {"application/json": {"schema": {"type": "array"}}}}}},
    ],
    ids=["success not listed", "other status", "other content type", "other body"],
)
async def test_a_document_that_lies_is_found_out(services: Services, lie: dict[str, Any]) -> None:
    async with served(services) as url, httpx2.AsyncClient(base_url=url) as client:
        document = json.loads((await client.get("/openapi.json")).content)
        document["paths"] = {"/health/live": {"get": lie}}
        with pytest.raises(FailureGroup):
            await asyncio.to_thread(try_all, url, document, None)
