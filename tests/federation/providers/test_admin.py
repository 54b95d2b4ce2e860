"""`/admin/identity-providers`, and what it refuses."""

import asyncio

import httpx2
import pytest

from app.foundation.engines.lock import Engines
from app.settings import Settings
from app.wiring import Services
from tests.administrators import Administrators
from tests.conftest import settings_for
from tests.federation.oidc.provider import Provider, serving
from tests.support import ISSUER, Events, problem

pytestmark = pytest.mark.anyio

URL = "/admin/identity-providers"
READ, WRITE = "admin:identity-providers:read", "admin:identity-providers:write"
CORP = {
    "id": "corp",
    "name": "Corp",
    "config": {"issuer": "https://id.corp.example", "client_id": "auth-service"},
    "secret": "s3cret-of-corp",
    "policy": {
        "linking": "verified_email",
        "domains": ["Corp.example"],
        "rules": [{"claim": "groups", "value": "staff", "roles": [{"role": "admin", "audience": "orders-api"}]}],
    },
}


@pytest.fixture
def settings(database_url: str, engines: Engines) -> Settings:
    """A provider of one's own may be on this machine, by its name."""
    return settings_for(database_url, engines, http={"allow_private": ("localhost",)})


@pytest.fixture
async def admin(admins: Administrators) -> dict[str, str]:
    return await admins.all_powerful()


@pytest.mark.attack("ADM-05")
async def test_a_provider_is_set_up_shown_changed_by_its_tag_and_deleted_and_its_secret_never_shown(
    api: httpx2.AsyncClient, admin, services: Services, events: Events
):
    made = await api.post(URL, json=CORP, headers=admin)
    assert made.status_code == 201, made.text
    body = made.json()
    assert body["callback_url"] == f"{ISSUER}/auth/oauth/corp/callback"
    assert (body["has_secret"], body["enabled"], body["from_settings"]) == (True, True, False)
    assert body["config"] == CORP["config"]
    assert body["policy"] == {
        "creates_users": True,
        "linking": "verified_email",
        "rules": [
            {
                "claim": "groups",
                "value": "staff",
                "roles": [{"role": "admin", "audience": "orders-api"}],
                "groups": [],
            }
        ],
        "keeps_refresh_token": False,
        "domains": ["corp.example"],
        "shown": True,
    }
    shown = await api.get(f"{URL}/corp", headers=admin)
    assert shown.json() == body
    assert shown.headers["etag"] == made.headers["etag"]
    listed = await api.get(URL, headers=admin)
    assert listed.json() == {"items": [body], "next": None}
    conditional = admin | {"If-Match": shown.headers["etag"]}
    changed = await api.patch(f"{URL}/corp", json={"name": "Corporation", "secret": "another"}, headers=conditional)
    assert changed.json()["name"] == "Corporation"
    problem(await api.patch(f"{URL}/corp", json={"name": "C"}, headers=conditional), 412, "precondition_failed")
    problem(await api.delete(f"{URL}/corp", headers=conditional), 412, "precondition_failed")
    assert (await services.federation.providers.get(None, "corp")).secret == "another"
    assert (await api.patch(f"{URL}/corp", json={"secret": ""}, headers=admin)).json()["has_secret"] is False
    assert (await api.delete(f"{URL}/corp", headers=admin)).status_code == 204
    problem(await api.get(f"{URL}/corp", headers=admin), 404, "identity_provider_not_found")
    entries = await events.of("identity_provider.created", "identity_provider.changed", "identity_provider.deleted")
    assert [entry["details"].get("changed") for entry in entries] == [None, ["name", "secret"], ["secret"], None]
    for said in (made.text, shown.text, listed.text, changed.text, str(entries)):
        assert "s3cret" not in said


async def test_bad_input_is_refused_by_its_pointer(api: httpx2.AsyncClient, admin):
    async def pointers(body: dict[str, object], code: str = "invalid_identity_provider") -> list[str]:
        refused = problem(await api.post(URL, json=body, headers=admin), 422, code)
        assert "s3cret" not in str(refused)
        return [error["pointer"] for error in refused["errors"]]

    assert await pointers(CORP | {"id": "Corp AG", "name": "\x1b[31mred"}) == ["/id", "/name"]
    assert await pointers(CORP | {"config": {"issuer": "https://id.corp.example"}}) == ["/config/client_id"]
    assert await pointers(CORP | {"config": CORP["config"] | {"nonsense": 1}}) == ["/config/nonsense"]
    assert await pointers(CORP | {"config": CORP["config"] | {"client_secret": "s3cret"}}) == ["/config/client_secret"]
    assert await pointers(CORP | {"preset": "myspace"}) == ["/preset"]
    assert await pointers(CORP | {"policy": {"domains": ["no domain"]}}) == ["/policy/domains/0"]
    schema = "validation_failed"
    assert await pointers(CORP | {"policy": {"creates_users": "yes"}}, schema) == ["/policy/creates_users"]
    assert await pointers(CORP | {"policy": {"linking": "always"}}, schema) == ["/policy/linking"]
    assert await pointers(CORP | {"kind": "carrier-pigeon"}, schema) == ["/kind"]
    assert await pointers(CORP | {"unknown": 1}, schema) == ["/unknown"]
    unknown_role = {"rules": [{"claim": "groups", "value": "x", "roles": [{"role": "nobody"}]}]}
    problem(await api.post(URL, json=CORP | {"policy": unknown_role}, headers=admin), 404, "role_not_found")
    assert (await api.post(URL, json=CORP, headers=admin)).status_code == 201
    problem(await api.post(URL, json=CORP | {"policy": {}}, headers=admin), 409, "identity_provider_exists")
    taken = await api.post(URL, json=CORP | {"id": "other"}, headers=admin)
    problem(taken, 409, "identity_provider_domain_taken")
    problem(await api.patch(f"{URL}/corp", json={"config": {}}, headers=admin), 422, "invalid_identity_provider")
    problem(await api.patch(f"{URL}/nobody", json={"name": "x"}, headers=admin), 404, "identity_provider_not_found")
    problem(await api.delete(f"{URL}/corp?links=perhaps", headers=admin), 422, "validation_failed")
    problem(await api.post(f"{URL}/nobody/test", headers=admin), 404, "identity_provider_not_found")


async def test_of_two_changes_with_one_tag_one_is_made(api: httpx2.AsyncClient, admin):
    made = await api.post(URL, json=CORP, headers=admin)
    tagged = admin | {"If-Match": made.headers["etag"]}
    answers = await asyncio.gather(
        *(api.patch(f"{URL}/corp", json={"name": f"Corp {n}"}, headers=tagged) for n in range(5))
    )
    assert sorted(each.status_code for each in answers) == [200, 412, 412, 412, 412]


@pytest.mark.attack("ADM-01")
async def test_a_scope_alone_lets_nobody_vouch_for_administrators(
    api: httpx2.AsyncClient, admins: Administrators, admin
):
    some = await admins.holding(READ, WRITE)
    problem(await api.post(URL, json=CORP, headers=some), 403, "right_not_held")
    assert (await api.post(URL, json=CORP, headers=admin)).status_code == 201
    for change in ({"config": CORP["config"] | {"client_id": "mine"}}, {"secret": "mine"}, {"policy": {}}):
        problem(await api.patch(f"{URL}/corp", json=change, headers=some), 403, "right_not_held")
    assert (await api.patch(f"{URL}/corp", json={"enabled": False}, headers=some)).json()["enabled"] is False
    problem(await api.patch(f"{URL}/corp", json={"enabled": True}, headers=some), 403, "right_not_held")
    await admins.grow_stale()
    problem(await api.delete(f"{URL}/corp", headers=admin), 401, "insufficient_user_authentication")


async def test_the_presets_are_listed_with_their_kinds(api: httpx2.AsyncClient, admin):
    listed = (await api.get(f"{URL}/presets", headers=admin)).json()["items"]
    known = {one["preset"]: one["kind"] for one in listed}
    assert known["github"] == "oauth2"
    assert {name for name, kind in known.items() if kind == "oidc"} >= {
        *("auth0", "entra", "gitlab", "google", "keycloak", "okta")
    }


async def test_many_are_listed_in_pages_by_id(api: httpx2.AsyncClient, admin):
    for name in ("b", "c", "a"):
        assert (await api.post(URL, json=CORP | {"id": name, "policy": {}}, headers=admin)).status_code == 201
    first = (await api.get(URL, params={"limit": 2}, headers=admin)).json()
    assert [one["id"] for one in first["items"]] == ["a", "b"]
    rest = (await api.get(URL, params={"limit": 2, "after": first["next"]}, headers=admin)).json()
    assert ([one["id"] for one in rest["items"]], rest["next"]) == (["c"], None)


async def test_a_test_of_a_connection_says_in_words_what_fails(api: httpx2.AsyncClient, admin):
    # Nobody listens at port 1, and the address is private without anybody having allowed it.
    config = {"issuer": "https://127.0.0.1:1", "client_id": "auth-service"}
    assert (await api.post(URL, json=CORP | {"config": config}, headers=admin)).status_code == 201
    answer = await api.post(f"{URL}/corp/test", headers=admin)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["ok"] is False
    assert told["summary"].startswith("This fails: discovery.")
    assert "HTTP__ALLOW_PRIVATE" in told["summary"]
    assert [check["passed"] for check in told["checks"]] == [False]
    refused = await api.post(f"{URL}/corp/test", headers=admin | {"Idempotency-Key": "k"})
    assert refused.status_code == 400


async def test_a_test_of_a_connection_finds_what_a_provider_would_refuse_at_a_sign_in(api: httpx2.AsyncClient, admin):
    async with serving(Provider()) as upstream:
        config = {"issuer": upstream.issuer, "client_id": upstream.client_id}
        body = CORP | {"config": config, "secret": upstream.client_secret, "enabled": False}
        assert (await api.post(URL, json=body, headers=admin)).status_code == 201
        told = (await api.post(f"{URL}/corp/test", headers=admin)).json()
        assert told["ok"], told
        assert told["summary"].startswith("All of ")
        await api.patch(f"{URL}/corp", json={"secret": "wr0ng"}, headers=admin)
        told = (await api.post(f"{URL}/corp/test", headers=admin)).json()
        assert not told["ok"]
        assert "The client id or the client secret is wrong" in told["summary"]
        assert "wr0ng" not in str(told)
