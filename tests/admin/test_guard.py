import httpx2
import pytest

from tests.administrators import Administrators
from tests.support import People, bearer, problem

pytestmark = pytest.mark.anyio

KEYS = "/admin/signing-keys"
ROTATE = "/admin/signing-keys/rotate"
WRITE = "admin:signing-keys:write"


async def test_without_a_token_the_admin_api_is_closed_before_the_body_is_read(api: httpx2.AsyncClient):
    answer = await api.post(ROTATE, content=b"{", headers={"Content-Type": "application/json"})
    problem(answer, 401, "missing_token")


async def test_a_token_without_the_scope_is_told_which_one_it_needs(api: httpx2.AsyncClient, people: People):
    answer = await api.get(KEYS, headers=bearer(await people.signed_in()))
    problem(answer, 403, "insufficient_scope")
    challenge = answer.headers["www-authenticate"]
    assert challenge.startswith('Bearer error="insufficient_scope"')
    assert ', scope="admin:signing-keys:read", ' in challenge


async def test_a_token_for_another_audience_opens_nothing(api: httpx2.AsyncClient, people: People):
    answer = await api.get(KEYS, headers=bearer(await people.signed_in(audience="orders-api")))
    problem(answer, 401, "invalid_token")


async def test_a_reader_reads_and_does_not_write(api: httpx2.AsyncClient, admins: Administrators):
    reader = await admins.holding("admin:signing-keys:read")
    assert (await api.get(KEYS, headers=reader)).status_code == 200
    problem(await api.post(ROTATE, json={}, headers=reader), 403, "insufficient_scope")


async def test_an_act_that_needs_a_recent_sign_in_is_refused_to_a_stale_one(
    api: httpx2.AsyncClient, admins: Administrators
):
    writer = await admins.holding(WRITE)
    await admins.grow_stale()
    answer = await api.post(ROTATE, json={}, headers=writer)
    problem(answer, 401, "insufficient_user_authentication")
    assert "max_age=" in answer.headers["www-authenticate"]


async def test_the_document_names_the_scope_of_every_route_and_how_to_authenticate(api: httpx2.AsyncClient):
    document = (await api.get("/openapi.json")).json()
    found = 0
    for path, operations in document["paths"].items():
        if path.startswith("/admin/"):
            for method, operation in operations.items():
                found += 1
                noun = path.split("/")[2]
                assert operation["x-required-scope"].startswith("admin:"), path
                assert {"bearer": []} in operation["security"], path
                assert operation["tags"] == [f"admin: {noun}"], path
                names = {parameter["name"] for parameter in operation.get("parameters", ())}
                assert method != "get" or "Idempotency-Key" not in names
    assert found
