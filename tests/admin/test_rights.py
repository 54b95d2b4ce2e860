"""`/admin/roles`, `/admin/permissions`, `/admin/groups` and `/admin/audiences`, as their callers see them."""

import asyncio
from typing import Any

import httpx2
import pytest

from app.users.user import User
from app.wiring import Services
from tests.administrators import BY, Administrators
from tests.support import Events, People, bearer, claims_of, problem

pytestmark = pytest.mark.anyio

Headers = dict[str, str]


@pytest.fixture
async def admin(admins: Administrators) -> Headers:
    return await admins.all_powerful()


async def user_of(services: Services, email: str) -> User:
    async with services.db.transaction() as tx:
        found = await services.users.find_by_email(tx, email)
    assert found is not None
    return found


async def made(api: httpx2.AsyncClient, admin: Headers, path: str, **body: Any) -> httpx2.Response:
    answer = await api.post(path, json=body, headers=admin)
    assert answer.status_code in {201, 204}, answer.text
    return answer


SUPPORT = {"name": "support", "permissions": {"orders-api": ["orders:write"]}}


async def test_a_role_is_made_shown_changed_and_deleted_and_each_step_recorded(
    api: httpx2.AsyncClient, admin: Headers, events: Events
) -> None:
    answer = await made(api, admin, "/admin/roles", **SUPPORT, required_acr="aal2")
    role = {**SUPPORT, "required_acr": "aal2", "built_in": False}
    assert answer.json() == role
    shown = await api.get("/admin/roles/support", headers=admin)
    assert (shown.json(), shown.headers["etag"]) == (role, answer.headers["etag"])
    change = {"permissions": {"billing-api": ["billing:refund"]}, "required_acr": None}
    changed = await api.patch("/admin/roles/support", json=change, headers=admin)
    assert changed.json() == {"name": "support", **change, "built_in": False}
    assert changed.headers["etag"] != answer.headers["etag"]
    assert (await api.delete("/admin/roles/support", headers=admin)).status_code == 204
    problem(await api.get("/admin/roles/support", headers=admin), 404, "role_not_found")
    types = ("role.permission_granted", "role.permission_withdrawn", "role.updated", "role.deleted")
    recorded = [entry for entry in await events.of(*types) if entry["actor_kind"] == "user"]
    assert {entry["type"] for entry in recorded} == set(types)


async def test_roles_come_in_pages_by_name_and_the_built_in_one_says_so(
    api: httpx2.AsyncClient, admin: Headers
) -> None:
    for name in ("c", "a", "b"):
        await made(api, admin, "/admin/roles", name=name)
    found, after = [], None
    while True:
        query = {"limit": 2} | ({"after": after} if after else {})
        page = (await api.get("/admin/roles", params=query, headers=admin)).json()
        found += page["items"]
        after = page["next"]
        if after is None:
            break
    assert [role["name"] for role in found] == sorted(role["name"] for role in found)
    assert [role["name"] for role in found if role["built_in"]] == ["admin"]


@pytest.mark.parametrize(
    ("path", "body", "change"),
    [
        ("/admin/roles", SUPPORT, {"permissions": {}}),
        ("/admin/groups", {"name": "Staff"}, {"description": "All of us"}),
        ("/admin/audiences", {"name": "stock-api"}, {"claims": ["email"]}),
    ],
)
async def test_of_two_changes_at_once_of_the_same_version_one_is_refused(
    api: httpx2.AsyncClient, admin: Headers, path: str, body: dict[str, Any], change: dict[str, Any]
) -> None:
    answer = await made(api, admin, path, **body)
    thing = answer.json()
    url = f"{path}/{thing.get('id', thing['name'])}"
    headers = {**admin, "If-Match": answer.headers["etag"]}
    other = {**change, **({"claims": ["name"]} if "claims" in change else {})}
    other |= {"description": "Nobody"} if "description" in change else {}
    other |= {"permissions": {"orders-api": ["other"]}} if "permissions" in change else {}
    answers = await asyncio.gather(*(api.patch(url, json=wanted, headers=headers) for wanted in (change, other)))
    assert sorted(answer.status_code for answer in answers) == [200, 412]
    problem(await api.patch(url, json=change, headers=headers), 412, "precondition_failed")


async def test_a_repeated_post_with_its_key_makes_one_role_and_one_group(
    api: httpx2.AsyncClient, admin: Headers
) -> None:
    for path, body in (("/admin/roles", SUPPORT), ("/admin/groups", {"name": "Staff"})):
        headers = {**admin, "Idempotency-Key": f"once-{path}"}
        first, second = [await api.post(path, json=body, headers=headers) for _ in range(2)]
        assert (first.status_code, second.status_code) == (201, 201)
        assert first.json() == second.json()
        assert (await api.post(path, json=body, headers=admin)).status_code == 409


async def test_permissions_say_which_roles_have_them_and_which_scopes_need_them(
    api: httpx2.AsyncClient, admin: Headers
) -> None:
    await made(api, admin, "/admin/roles", name="support")
    body = {"role": "support", "audience": "orders-api", "permission": "orders:write"}
    assert (await made(api, admin, "/admin/permissions", **body)).json() == body
    listed = await api.get("/admin/permissions", params={"audience": "orders-api"}, headers=admin)
    shown = {"audience": "orders-api", "permission": "orders:write", "roles": ["support"], "scopes": ["orders:write"]}
    assert listed.json()["items"] == [shown]
    for _ in range(2):
        assert (await api.delete("/admin/permissions", params=body, headers=admin)).status_code == 204
    listed = await api.get("/admin/permissions", params={"audience": "orders-api"}, headers=admin)
    assert listed.json()["items"] == [shown | {"roles": []}]
    own = await api.get("/admin/permissions", params={"audience": "self", "limit": 200}, headers=admin)
    assert "admin" in own.json()["items"][0]["roles"]


async def test_a_group_gives_its_members_a_role_and_takes_it_back_in_the_tokens_that_are_out(
    api: httpx2.AsyncClient, admin: Headers, people: People, services: Services
) -> None:
    await people.sign_up()
    ann = await user_of(services, "ann@example.com")
    await made(api, admin, "/admin/roles", **SUPPORT)
    group = (await made(api, admin, "/admin/groups", name="Helpdesk", description="Answers")).json()
    url = f"/admin/groups/{group['id']}"
    await made(api, admin, f"{url}/roles", role="support", audience="orders-api")
    await made(api, admin, f"{url}/members", sub=ann.sub)
    held = await api.get(f"{url}/roles", headers=admin)
    assert held.json() == {"items": [{"role": "support", "audience": "orders-api"}]}
    members = (await api.get(f"{url}/members", headers=admin)).json()
    assert [member["email"] for member in members["items"]] == ["ann@example.com"]
    tokens = await people.log_in(audience="orders-api")
    assert claims_of(tokens["access_token"])["permissions"] == ["orders:write"]
    assert (await api.delete(f"{url}/members/{ann.sub}", headers=admin)).status_code == 204
    problem(await api.get("/auth/validate", headers=bearer(tokens)), 401, "invalid_token")
    fresh = await api.post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
    assert claims_of(fresh.json()["access_token"])["permissions"] == []
    gone = await api.delete(f"{url}/roles/support", params={"audience": "orders-api"}, headers=admin)
    assert gone.status_code == 204
    renamed = await api.patch(url, json={"name": "Desk"}, headers=admin)
    assert (renamed.json()["name"], renamed.json()["description"]) == ("Desk", "Answers")
    assert [item["name"] for item in (await api.get("/admin/groups", headers=admin)).json()["items"]] == ["Desk"]
    assert (await api.delete(url, headers=admin)).status_code == 204
    for path in (url, f"{url}/members", f"{url}/roles"):
        problem(await api.get(path, headers=admin), 404, "group_not_found")


async def test_an_audience_is_registered_changed_and_shown_with_its_scopes(
    api: httpx2.AsyncClient, admin: Headers, people: People, services: Services
) -> None:
    body = {
        "name": "stock/api",
        "resources": ["https://stock.example.com"],
        "scopes": {"stock:read": None, "stock:write": "stock:write"},
        "signing_algorithm": "ES256",
        "access_token_seconds": 120,
        "claims": ["email", "tier"],
        "required_acr": None,
    }
    assert (await made(api, admin, "/admin/audiences", **body)).json() == body
    await people.sign_up()
    ann = await user_of(services, "ann@example.com")
    async with services.db.transaction() as tx:
        await services.users.set_attribute(tx, ann.id, name="tier", value="gold", **BY)
    claims = claims_of((await people.log_in(audience="stock/api"))["access_token"])
    assert (claims["email"], claims["tier"], claims["scope"]) == ("ann@example.com", "gold", "stock:read")
    changed = await api.patch("/admin/audiences/stock/api", json={"access_token_seconds": None}, headers=admin)
    assert changed.json() == body | {"access_token_seconds": None}
    shown = await api.get("/admin/audiences/stock/api", headers=admin)
    assert (shown.json(), shown.headers["etag"]) == (changed.json(), changed.headers["etag"])
    names = [item["name"] for item in (await api.get("/admin/audiences", headers=admin)).json()["items"]]
    assert names == ["billing-api", "orders-api", "stock/api"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", "/admin/roles", {"name": "a b"}, 422, "invalid_role"),
        ("POST", "/admin/roles", {"name": "x", "permissions": {"nowhere": ["p"]}}, 404, "audience_not_found"),
        ("POST", "/admin/roles", {"name": "x", "permissions": {"self": ["root"]}}, 422, "invalid_role"),
        ("POST", "/admin/roles", {"name": "x", "is_admin": True}, 422, "validation_failed"),
        ("POST", "/admin/roles", {"name": "admin"}, 409, "role_exists"),
        ("PATCH", "/admin/roles/admin", {"permissions": {}}, 409, "built_in_role"),
        ("PATCH", "/admin/roles/nobody", {"permissions": {}}, 404, "role_not_found"),
        ("PATCH", "/admin/roles/admin", {}, 422, "validation_failed"),
        ("DELETE", "/admin/roles/admin", None, 409, "built_in_role"),
        ("POST", "/admin/permissions", {"role": "x", "audience": "self", "permission": "p"}, 422, "invalid_role"),
        ("POST", "/admin/groups", {"name": ""}, 422, "invalid_group"),
        ("POST", "/admin/groups", {"name": "a\u202eb"}, 422, "invalid_group"),
        ("POST", "/admin/audiences", {"name": "self"}, 422, "invalid_audience"),
        ("POST", "/admin/audiences", {"name": "x", "claims": ["roles"]}, 422, "invalid_audience"),
        ("POST", "/admin/audiences", {"name": "x", "resources": ["http://evil.example"]}, 422, "invalid_audience"),
        ("POST", "/admin/audiences", {"name": "orders-api"}, 409, "audience_exists"),
        ("POST", "/admin/audiences", {"name": "ORDERS-API"}, 409, "audience_clash"),
        ("PATCH", "/admin/audiences/nowhere", {"claims": []}, 404, "audience_not_found"),
        ("PATCH", "/admin/audiences/orders-api", {"name": "other"}, 422, "validation_failed"),
    ],
)
async def test_what_cannot_be_is_refused_in_words(
    steady_api: httpx2.AsyncClient,
    steady_admin: Headers,
    method: str,
    path: str,
    body: dict[str, Any] | None,
    status: int,
    code: str,
) -> None:
    content = {} if body is None else {"json": body}
    problem(await steady_api.request(method, path, headers=steady_admin, **content), status, code)


@pytest.mark.attack("ADM-04")
async def test_an_administrator_cannot_raise_their_own_rights_by_any_route(
    api: httpx2.AsyncClient, admins: Administrators, services: Services
) -> None:
    writes = ("roles", "permissions", "groups", "users", "audiences")
    headers = await admins.holding(*(f"admin:{noun}:write" for noun in writes))
    me = await user_of(services, "admin1@example.com")
    full = await admins.all_powerful()
    await made(api, full, "/admin/roles", **SUPPORT)
    group = (await made(api, full, "/admin/groups", name="Administrators")).json()
    harmless = (await made(api, full, "/admin/groups", name="Staff")).json()
    await made(api, full, f"/admin/groups/{group['id']}/roles", role="admin")
    await made(api, full, f"/admin/groups/{harmless['id']}/roles", role="support")
    attempts = [
        ("POST", "/admin/roles", {"name": "x", "permissions": {"self": ["admin:users:impersonate"]}}, "right_not_held"),
        ("PATCH", "/admin/roles/test-admin-1", {"permissions": {"orders-api": ["orders:write"]}}, "own_rights"),
        ("POST", "/admin/permissions", _permission("test-admin-1", "self", "admin:stats:read"), "right_not_held"),
        ("POST", "/admin/permissions", _permission("test-admin-1", "orders-api", "orders:write"), "own_rights"),
        ("POST", f"/admin/groups/{group['id']}/members", {"sub": me.sub}, "right_not_held"),
        ("POST", f"/admin/groups/{harmless['id']}/members", {"sub": me.sub}, "own_rights"),
        ("POST", f"/admin/groups/{harmless['id']}/roles", {"role": "admin"}, "right_not_held"),
        ("DELETE", f"/admin/groups/{group['id']}/roles/admin", None, "right_not_held"),
        ("DELETE", f"/admin/groups/{group['id']}", None, "right_not_held"),
    ]
    for method, path, body, code in attempts:
        content = {} if body is None else {"json": body}
        problem(await api.request(method, path, headers=headers, **content), 403, code)
    async with services.db.transaction() as tx:
        assert [role.role for role in await services.role_assignments.list_of(tx, me.id)] == ["test-admin-1"]


def _permission(role: str, audience: str, permission: str) -> dict[str, str]:
    return {"role": role, "audience": audience, "permission": permission}


@pytest.mark.attack("ADM-04")
async def test_the_last_administrator_cannot_be_removed_by_any_route(
    api: httpx2.AsyncClient, admins: Administrators, services: Services
) -> None:
    admin = await admins.all_powerful()
    own = "/admin/roles/test-admin-1"
    for method, path, body in (
        ("DELETE", own, None),
        ("PATCH", own, {"permissions": {}}),
        ("PATCH", own, {"permissions": {"self": ["admin:roles:read", "admin:roles:write"]}}),
    ):
        content = {} if body is None else {"json": body}
        problem(await api.request(method, path, headers=admin, **content), 409, "last_administrator")
    gone = {"role": "test-admin-1", "audience": "self", "permission": "admin:stats:read"}
    problem(await api.delete("/admin/permissions", params=gone, headers=admin), 409, "last_administrator")
    problem(await api.delete("/auth/me", headers=admin), 409, "last_administrator")


@pytest.mark.attack("ADM-03")
@pytest.mark.parametrize(
    "fields",
    [
        {"is_admin": True},
        {"role": "admin"},
        {"roles": ["admin"]},
        {"groups": ["Administrators"]},
        {"permissions": ["admin:users:write"]},
        {"scopes": ["admin:users:write"]},
        {"attributes": {"tier": "gold"}},
        {"tier": "gold"},
        {"tenant_id": "other"},
        {"org_id": "other"},
        {"email_verified": True},
        {"mfa_enabled": False},
        {"status": "active"},
        {"id": "0190a0a0-0000-7000-8000-000000000000"},
        {"sub": "somebody-else"},
        {"required_acr": None},
    ],
    ids=lambda fields: next(iter(fields)),
)
async def test_nobody_gives_themselves_anything_by_a_further_field(
    steady_api: httpx2.AsyncClient,
    steady_services: Services,
    steady_tokens: dict[str, Any],
    fields: dict[str, Any],
) -> None:
    account = {"email": "eve@example.com", "password": "correct horse battery staple"}
    problem(await steady_api.post("/auth/signup", json={**account, **fields}), 422, "validation_failed")
    before = await user_of(steady_services, "ann@example.com")
    answer = await steady_api.patch("/auth/me", json={"name": "Ann", **fields}, headers=bearer(steady_tokens))
    problem(answer, 422, "validation_failed")
    assert await user_of(steady_services, "ann@example.com") == before
