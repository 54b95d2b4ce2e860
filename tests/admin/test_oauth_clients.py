"""`/admin/oauth-clients`."""

import asyncio

import httpx2
import pytest

from tests.administrators import Administrators
from tests.oauth.conftest import TOKEN
from tests.support import Events, problem

pytestmark = pytest.mark.anyio

PATH = "/admin/oauth-clients"
READ, WRITE = "admin:oauth-clients:read", "admin:oauth-clients:write"
STATED = {
    "name": "reporting",
    "grant_types": ["client_credentials"],
    "targets": {"orders-api": ["orders:read"]},
}


async def ask(api: httpx2.AsyncClient, client_id: str, secret: str) -> httpx2.Response:
    return await api.post(TOKEN, data={"grant_type": "client_credentials"}, auth=(client_id, secret))


async def test_a_client_is_registered_used_changed_and_removed(
    api: httpx2.AsyncClient, admins: Administrators, events: Events
) -> None:
    writer = await admins.holding(READ, WRITE)
    answer = await api.post(PATH, json=STATED, headers=writer)
    assert answer.status_code == 201, answer.text
    made, tag = answer.json(), answer.headers["etag"]
    client_id, secret = made["client_id"], made.pop("client_secret")
    assert (await ask(api, client_id, secret)).status_code == 200

    shown = await api.get(f"{PATH}/{client_id}", headers=writer)
    assert shown.json() == made
    assert shown.headers["etag"] == tag
    assert secret not in (await api.get(PATH, headers=writer)).text

    changed = await api.put(
        f"{PATH}/{client_id}", json={**STATED, "targets": {"billing-api": None}}, headers={**writer, "If-Match": tag}
    )
    assert changed.status_code == 200, changed.text
    assert changed.json()["targets"] == {"billing-api": None}
    stale = await api.put(f"{PATH}/{client_id}", json=STATED, headers={**writer, "If-Match": tag})
    problem(stale, 412, "precondition_failed")

    rotated = await api.post(f"{PATH}/{client_id}/rotate-secret", json={"overlap_seconds": 0}, headers=writer)
    assert (await ask(api, client_id, secret)).status_code == 401
    assert (await ask(api, client_id, rotated.json()["client_secret"])).status_code == 200

    disabled = await api.post(f"{PATH}/{client_id}/disable", headers=writer)
    assert disabled.json()["disabled_at"] is not None
    assert (await ask(api, client_id, rotated.json()["client_secret"])).status_code == 401
    enabled = await api.post(f"{PATH}/{client_id}/enable", headers=writer)
    assert enabled.json()["disabled_at"] is None

    assert (await api.delete(f"{PATH}/{client_id}", headers=writer)).status_code == 204
    problem(await api.get(f"{PATH}/{client_id}", headers=writer), 404, "client_not_found")
    told = ["created", "updated", "secret_rotated", "disabled", "enabled", "deleted"]
    kinds = [entry["type"] for entry in await events.of(*(f"client.{past}" for past in told))]
    assert kinds == [f"client.{past}" for past in told]


async def test_of_two_changes_of_one_version_one_is_refused(api: httpx2.AsyncClient, admins: Administrators) -> None:
    writer = await admins.holding(READ, WRITE)
    answer = await api.post(PATH, json=STATED, headers=writer)
    path, headers = f"{PATH}/{answer.json()['client_id']}", {**writer, "If-Match": answer.headers["etag"]}
    names = [f"name {number}" for number in range(4)]
    answers = await asyncio.gather(*(api.put(path, json={**STATED, "name": name}, headers=headers) for name in names))
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412]


async def test_a_secret_is_made_once_for_one_key(api: httpx2.AsyncClient, admins: Administrators) -> None:
    writer = {**await admins.holding(READ, WRITE), "Idempotency-Key": "once"}
    first, again = [await api.post(PATH, json=STATED, headers=writer) for _ in range(2)]
    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()


@pytest.mark.attack("AUT-05")
@pytest.mark.attack("AUT-06")
@pytest.mark.parametrize(
    ("stated", "pointer"),
    [
        ({"name": ""}, "/name"),
        ({"targets": {"orders-api": ["orders:eat"]}}, "/targets"),
        ({"grant_types": ["authorization_code"]}, "/redirect_uris"),
        ({"grant_types": ["authorization_code"], "redirect_uris": ["https://*"]}, "/redirect_uris/0"),
        ({"grant_types": ["authorization_code"], "redirect_uris": ["javascript:alert(1)"]}, "/redirect_uris/0"),
        ({"redirect_uris": ["https://a.test/cb"]}, "/redirect_uris"),
        ({"token_endpoint_auth_method": "none"}, "/grant_types"),
        ({"token_endpoint_auth_method": "private_key_jwt"}, "/jwks"),
        ({"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [{"kty": "oct", "k": "x"}]}}, "/jwks"),
        ({"jwks_uri": "https://a.test/jwks.json"}, "/jwks"),
        ({"grant_types": ["refresh_token"]}, "/grant_types"),
        ({"scopes": ["introspection"]}, "/audience"),
    ],
)
async def test_what_breaks_a_rule_is_named(
    steady_api: httpx2.AsyncClient, steady_admin: dict[str, str], stated: dict[str, object], pointer: str
) -> None:
    answer = await steady_api.post(PATH, json={**STATED, **stated}, headers=steady_admin)
    body = problem(answer, 422, "invalid_client_definition")
    assert pointer in [fault["pointer"] for fault in body["errors"]]
