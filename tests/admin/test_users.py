"""`/admin/users` over HTTP."""

import base64
import json
from datetime import timedelta

import httpx2
import pytest

from app.foundation.pagination import Cursors
from app.wiring import Services
from tests.administrators import Administrators
from tests.support import PASSWORD, Events, People, bearer, problem

pytestmark = pytest.mark.anyio

READ, WRITE, ASSIGN = "admin:users:read", "admin:users:write", "admin:roles:write"


@pytest.fixture
async def admin(admins: Administrators) -> dict[str, str]:
    return await admins.holding(READ, WRITE, ASSIGN)


def _encoded(members: dict[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(members).encode()).decode().rstrip("=")


async def made(api: httpx2.AsyncClient, admin: dict[str, str], email: str = "ann@example.com", **fields: object):
    answer = await api.post("/admin/users", json={"email": email, **fields}, headers=admin)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_user_is_made_found_changed_and_deleted(api: httpx2.AsyncClient, admin, people: People, events: Events):
    user = await made(api, admin, name="Ann", password=PASSWORD, email_verified=True, attributes={"tier": "gold"})
    assert (user["email_verified"], user["roles"]) == (True, [])
    assert "password" in user["factors"]
    await people.log_in()
    found = (await api.get("/admin/users", params={"email": "ANN@"}, headers=admin)).json()
    assert [item["sub"] for item in found["items"]] == [user["sub"]]
    address = f"/admin/users/{user['sub']}"
    changed = await api.patch(address, json={"name": "Ada", "attributes": {"tier": None, "seats": 2}}, headers=admin)
    assert (changed.json()["name"], changed.json()["attributes"]) == ("Ada", {"seats": 2})
    assert (await api.delete(address, headers=admin)).status_code == 204
    problem(await api.get(address, headers=admin), 404, "user_not_found")
    actors = {
        entry["actor_id"]
        for entry in await events.of("user.updated", "user.deleted")
        if entry["subject"] == user["sub"]
    }
    assert len(actors) == 1
    assert actors != {user["sub"]}


@pytest.mark.attack("PWD-11")
async def test_user_without_a_password_sets_one_by_the_mailed_link_and_nobody_another_way(
    api: httpx2.AsyncClient, admin, people, mailbox, services: Services
):
    async def accept(token: str, **fields: str) -> httpx2.Response:
        return await api.post("/auth/password/reset", json={"token": token, "new_password": PASSWORD, **fields})

    users = {}
    for name in ("ann", "bob", "cem"):
        user = await made(api, admin, f"{name}@example.com")
        users[name] = user["sub"], (await mailbox.wait_for(to=f"{name}@example.com", template="invitation")).token
    (_, token), (moved, moved_token), (_, old_token) = users.values()
    unsigned = f"{_encoded({'alg': 'none', 'typ': 'JWT'})}.{_encoded({'email': 'eve@example.com'})}."
    for altered in (token[:-1] + ("A" if token[-1] != "A" else "B"), token + "A", token.swapcase(), unsigned, "0"):
        problem(await accept(altered), 400, "invalid_link")
    # Whose account it is stands in no request.
    for member in ("email", "sub", "org_id"):
        problem(await accept(token, **{member: "eve@example.com"}), 422, "validation_failed")
    assert (await accept(token)).status_code == 204
    problem(await accept(token), 400, "invalid_link")
    await people.log_in()
    changed = await api.patch(f"/admin/users/{moved}", json={"email": "eve@example.com"}, headers=admin)
    assert changed.status_code == 200, changed.text
    problem(await accept(moved_token), 400, "invalid_link")
    services.clock.offset += timedelta(seconds=services.links.invitation_seconds + 1)
    problem(await accept(old_token), 400, "invalid_link")


async def test_change_needs_the_version_that_was_read(api: httpx2.AsyncClient, admin):
    address = f"/admin/users/{(await made(api, admin))['sub']}"
    tag = (await api.get(address, headers=admin)).headers["etag"]
    first = await api.patch(address, json={"name": "One"}, headers={**admin, "If-Match": tag})
    assert first.status_code == 200
    late = await api.patch(address, json={"name": "Two"}, headers={**admin, "If-Match": tag})
    problem(late, 412, "precondition_failed")
    again = await api.patch(address, json={"name": "Two"}, headers={**admin, "If-Match": first.headers["etag"]})
    assert again.json()["name"] == "Two"


async def test_another_address_is_unproven_and_the_old_one_is_told(api: httpx2.AsyncClient, admin, mailbox):
    user = await made(api, admin, password=PASSWORD, email_verified=True)
    answer = await api.patch(f"/admin/users/{user['sub']}", json={"email": "new@example.com"}, headers=admin)
    assert (answer.json()["email"], answer.json()["email_verified"]) == ("new@example.com", False)
    await mailbox.wait_for(to="ann@example.com", template="email_changed_old")
    await made(api, admin, "other@example.com", password=PASSWORD)
    taken = await api.patch(f"/admin/users/{user['sub']}", json={"email": "OTHER@example.com"}, headers=admin)
    problem(taken, 409, "email_taken")


async def test_suspended_user_is_out_until_reactivated(api: httpx2.AsyncClient, admin, people: People):
    user = await made(api, admin, password=PASSWORD)
    tokens = await people.log_in()
    suspended = await api.post(f"/admin/users/{user['sub']}/suspend", headers=admin)
    assert suspended.json()["status"] == "suspended"
    problem(await api.get("/auth/me", headers=bearer(tokens)), 401, "invalid_token")
    listed = (await api.get("/admin/users", params={"status": "suspended"}, headers=admin)).json()
    assert [item["sub"] for item in listed["items"]] == [user["sub"]]
    assert (await api.post(f"/admin/users/{user['sub']}/reactivate", headers=admin)).json()["status"] == "active"
    await people.log_in()


async def test_sessions_of_a_user_are_listed_and_ended(api: httpx2.AsyncClient, admin, people: People, events: Events):
    user = await made(api, admin, password=PASSWORD)
    first, second, third = [await people.log_in() for _ in range(3)]
    address = f"/admin/users/{user['sub']}/sessions"
    page = (await api.get(address, params={"limit": 2}, headers=admin)).json()
    rest = (await api.get(address, params={"limit": 2, "after": page["next"]}, headers=admin)).json()
    sessions = [*page["items"], *rest["items"]]
    assert len(sessions) == 3
    assert (await api.delete(f"{address}/{sessions[2]['id']}", headers=admin)).status_code == 204
    problem(await api.get("/auth/me", headers=bearer(first)), 401, "invalid_token")
    problem(await api.delete(f"{address}/{sessions[2]['id']}", headers=admin), 404, "not_found")
    assert (await api.delete(address, headers=admin)).status_code == 204
    for tokens in (second, third):
        problem(await api.get("/auth/me", headers=bearer(tokens)), 401, "invalid_token")
    assert {entry["details"]["reason"] for entry in await events.of("session.revoked")} == {"ended_by_administrator"}


async def test_unlocking_and_resetting_factors_answer_the_user(api: httpx2.AsyncClient, admin, events: Events):
    user = await made(api, admin, password=PASSWORD)
    for verb in ("unlock", "reset-mfa"):
        answer = await api.post(f"/admin/users/{user['sub']}/{verb}", headers=admin)
        assert answer.json()["sub"] == user["sub"], verb
    assert [entry["subject"] for entry in await events.of("mfa.reset")] == [user["sub"]]


async def test_roles_are_given_at_an_audience_and_taken(api: httpx2.AsyncClient, services: Services, admin):
    user = await made(api, admin)
    address = f"/admin/users/{user['sub']}/roles"
    given = await api.post(address, json={"role": "admin", "audience": "orders-api"}, headers=admin)
    assert given.json() == [{"role": "admin", "audience": "orders-api"}]
    problem(await api.post(address, json={"role": "nobody"}, headers=admin), 404, "role_not_found")
    taken = await api.delete(f"{address}/admin", params={"audience": "orders-api"}, headers=admin)
    assert taken.json() == (await api.get(address, headers=admin)).json() == []


@pytest.mark.attack("ADM-04")
async def test_nobody_gives_a_right_that_they_lack_or_changes_who_has_it(
    api: httpx2.AsyncClient, services: Services, admin, admins: Administrators, events: Events
):
    user = await made(api, admin)
    address = f"/admin/users/{user['sub']}"
    problem(await api.post(f"{address}/roles", json={"role": "admin"}, headers=admin), 403, "right_not_held")
    assert (await api.get(f"{address}/roles", headers=admin)).json() == []
    everything = await admins.all_powerful()
    assert (await api.post(f"{address}/roles", json={"role": "admin"}, headers=everything)).status_code == 200
    for method, path, body in (
        ("PATCH", address, {"email": "mine@example.com"}),
        ("DELETE", address, None),
        ("POST", f"{address}/suspend", None),
        ("POST", f"{address}/unlock", None),
        ("POST", f"{address}/reset-mfa", None),
        ("DELETE", f"{address}/sessions", None),
        ("DELETE", f"{address}/roles/admin", None),
    ):
        problem(await api.request(method, path, json=body, headers=admin), 403, "right_not_held")


@pytest.mark.attack("ADM-03")
@pytest.mark.parametrize("name", ["id", "sub", "status", "roles", "is_admin", "tenant_id", "credentials_version"])
async def test_what_is_not_offered_cannot_be_set(api: httpx2.AsyncClient, admin, people: People, name: str):
    body = {"email": "eve@example.com", "password": PASSWORD, name: "admin"}
    problem(await api.post("/auth/signup", json=body), 422, "validation_failed")
    problem(await api.post("/admin/users", json=body, headers=admin), 422, "validation_failed")
    own = bearer(await people.signed_in())
    for value in ("admin", True, None):
        problem(await api.patch("/auth/me", json={name: value}, headers=own), 422, "validation_failed")
    user = await made(api, admin, "eve@example.com")
    answer = await api.patch(f"/admin/users/{user['sub']}", json={name: "admin"}, headers=admin)
    problem(answer, 422, "validation_failed")


@pytest.mark.attack("ADM-02")
@pytest.mark.parametrize(
    "other", ["0190a0a0-0000-7000-8000-000000000000", "orders-api", "first-party", "%00", "é", "x" * 300]
)
async def test_id_of_another_kind_finds_nobody(api: httpx2.AsyncClient, services: Services, admin, other: str):
    user = await made(api, admin, password=PASSWORD)
    async with services.db.transaction() as tx:
        present = await services.users.find_by_sub(tx, user["sub"])
    assert present is not None
    for sub in (other, str(present.id)):
        for method, path in (
            ("GET", ""),
            ("DELETE", ""),
            ("POST", "/suspend"),
            ("GET", "/sessions"),
            ("GET", "/roles"),
        ):
            answer = await api.request(method, f"/admin/users/{sub}{path}", headers=admin)
            problem(answer, 404, "user_not_found")


@pytest.mark.attack("ADM-02")
async def test_session_of_another_user_is_not_ended(api: httpx2.AsyncClient, admin, people: People):
    ann = await made(api, admin, password=PASSWORD)
    bob = await made(api, admin, "bob@example.com", password=PASSWORD)
    tokens = await people.log_in()
    [session] = (await api.get(f"/admin/users/{ann['sub']}/sessions", headers=admin)).json()["items"]
    answer = await api.delete(f"/admin/users/{bob['sub']}/sessions/{session['id']}", headers=admin)
    problem(answer, 404, "not_found")
    assert (await api.get("/auth/me", headers=bearer(tokens))).status_code == 200


@pytest.mark.attack("ADM-08")
async def test_cursor_opens_the_next_page_of_its_own_list_alone(
    api: httpx2.AsyncClient, services: Services, admin, admins: Administrators
):
    for n in range(3):
        await made(api, admin, f"user{n}@example.com")
    first = (await api.get("/admin/users", params={"limit": 2}, headers=admin)).json()
    assert "total" not in first
    cursor = first["next"]
    assert (await api.get("/admin/users", params={"limit": 2, "after": cursor}, headers=admin)).status_code == 200
    other = await admins.holding(READ)
    forged = Cursors(services.keyring).seal(("a", "b"), bound_to=("users",))
    for headers, query in (
        (admin, {"after": cursor[:-2] + ("AA" if not cursor.endswith("AA") else "BB")}),
        (admin, {"after": cursor, "order": "-created"}),
        (admin, {"after": cursor, "status": "active"}),
        (admin, {"after": cursor, "email": "user"}),
        (admin, {"after": "not a cursor"}),
        (admin, {"after": forged}),
        (other, {"after": cursor}),
    ):
        problem(await api.get("/admin/users", params=query, headers=headers), 400, "invalid_cursor")


@pytest.mark.parametrize(
    "query",
    [
        {"email": "a", "name": "b"},
        {"email": "a", "order": "created"},
        {"name": "a", "created_from": "2026-01-01T00:00:00Z"},
    ],
)
async def test_search_without_an_index_is_refused(api: httpx2.AsyncClient, admin, query):
    problem(await api.get("/admin/users", params=query, headers=admin), 422, "search_refused")


@pytest.mark.parametrize(
    "query",
    [{"status": "gone"}, {"created_from": "2026-01-01T00:00:00"}, {"limit": 201}, {"email": ""}, {"sub": "a b"}],
)
async def test_query_that_is_not_right_is_refused(api: httpx2.AsyncClient, admin, query):
    problem(await api.get("/admin/users", params=query, headers=admin), 422, "validation_failed")
