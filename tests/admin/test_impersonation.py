"""Acting in a user's name: what it opens, what it never opens, and when it ends."""

from datetime import timedelta
from typing import Any

import httpx2
import pytest

from app.audiences.own import USERINFO_PATH
from app.wiring import Services
from tests.administrators import Administrators
from tests.support import PASSWORD, Events, People, bearer, claims_of, problem, suspend

pytestmark = [pytest.mark.anyio, pytest.mark.attack("ADM-07")]

REASON = "Ticket 4711: the list of orders stays empty"
# What opens to whoever acts for a user: to see who they are, and to stop.
OPEN = {("get", "/auth/me"), ("get", "/auth/validate"), ("post", "/auth/logout")}


@pytest.fixture
async def admin(admins: Administrators) -> dict[str, str]:
    return await admins.holding("admin:users:impersonate", "admin:users:read", "admin:users:write")


@pytest.fixture
async def ann(people: People) -> str:
    return str((await people.sign_up())["sub"])


async def act(api: httpx2.AsyncClient, admin: dict[str, str], sub: str, audience: str = "self") -> dict[str, Any]:
    answer = await api.post(
        f"/admin/users/{sub}/impersonate", json={"audience": audience, "reason": REASON}, headers=admin
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


def sub_of(admin: dict[str, str]) -> str:
    return str(claims_of(admin["Authorization"].removeprefix("Bearer "))["sub"])


async def test_token_names_both_and_proves_nothing(api: httpx2.AsyncClient, admin, ann: str, events: Events, mailbox):
    answer = await act(api, admin, ann, "orders-api")
    assert set(answer) == {"access_token", "token_type", "expires_in", "scope", "sid"}
    claims = claims_of(answer["access_token"])
    assert (claims["sub"], claims["act"], claims["aud"]) == (ann, {"sub": sub_of(admin)}, "orders-api")
    assert not {"auth_time", "amr", "acr"} & claims.keys()
    assert claims["exp"] - claims["iat"] <= 1800
    validated = (await api.get("/auth/validate", headers=bearer(answer))).json()
    assert validated["act"] == {"sub": sub_of(admin)}
    assert "auth_time" not in validated
    [entry] = await events.of("user.impersonated")
    assert (entry["actor_id"], entry["subject"]) == (sub_of(admin), ann)
    assert (entry["details"]["reason"], entry["details"]["sid"]) == (REASON, answer["sid"])
    assert answer["access_token"] not in str(entry)
    await mailbox.wait_for(to="ann@example.com", template="impersonated")


async def test_every_route_that_asks_who_calls_is_closed_to_it_but_three(api: httpx2.AsyncClient, admin, ann: str):
    headers = bearer(await act(api, admin, ann))
    document = (await api.get("/openapi.json")).json()
    asked = set()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if {"bearer": []} not in operation.get("security", []) or (method, path) in OPEN:
                continue
            asked.add((method, path))
            filled = path.replace("{", "").replace("}", "")
            answer = await api.request(method, filled, headers=headers, json={})
            assert answer.status_code == 403, (method, path, answer.text)
            if path == USERINFO_PATH:
                # OAuth's endpoint in OAuth's words: what is acted with never carries `openid`.
                assert answer.json()["error"] == "insufficient_scope"
            else:
                problem(answer, 403, "not_while_acting")
    assert ("post", "/auth/password/change") in asked
    assert ("get", "/auth/me/export") in asked
    assert len(asked) > 20
    for method, path in sorted(OPEN):
        assert (await api.request(method, path, headers=headers)).status_code in (200, 204), path


async def test_it_is_listed_under_the_administrator_who_ends_it(
    api: httpx2.AsyncClient, admin, people: People, ann: str, events: Events
):
    tokens = await people.log_in()
    headers = bearer(await act(api, admin, ann))
    [own] = (await api.get("/auth/sessions", headers=bearer(tokens))).json()["items"]
    assert own["acts_for"] is None
    listed = (await api.get("/auth/sessions", headers=admin)).json()["items"]
    [acting] = [session for session in listed if session["acts_for"] is not None]
    assert acting["acts_for"] == ann
    assert (await api.delete(f"/auth/sessions/{acting['id']}", headers=bearer(tokens))).status_code == 404
    assert (await api.delete(f"/auth/sessions/{acting['id']}", headers=admin)).status_code == 204
    problem(await api.get("/auth/me", headers=headers), 401, "invalid_token")
    [ended] = await events.of("session.revoked")
    assert (ended["actor_id"], ended["subject"]) == (sub_of(admin), ann)


@pytest.mark.parametrize("how", ["logout", "suspended", "deleted", "user suspended", "user logs out everywhere"])
async def test_it_ends_with_either_of_the_two(
    api: httpx2.AsyncClient, services: Services, people: People, admin, admins: Administrators, ann: str, how: str
):
    own = bearer(await people.log_in())
    headers = bearer(await act(api, admin, ann, "orders-api"))
    assert (await api.get("/auth/validate", headers=headers)).status_code == 200
    match how:
        case "logout":
            assert (await api.post("/auth/logout", headers=admin)).status_code == 204
        case "suspended":
            await suspend(services, sub_of(admin))
        case "deleted":
            everything = await admins.all_powerful()
            assert (await api.delete(f"/admin/users/{sub_of(admin)}", headers=everything)).status_code == 204
        case "user suspended":
            await suspend(services, ann)
        case _:
            assert (await api.post("/auth/logout", json={"everywhere": True}, headers=own)).status_code == 204
    problem(await api.get("/auth/validate", headers=headers), 401, "invalid_token")


async def test_it_lasts_half_an_hour_at_most(api: httpx2.AsyncClient, services: Services, admin, ann: str):
    answer = await act(api, admin, ann)
    services.clock.offset += timedelta(minutes=31)
    problem(await api.get("/auth/me", headers=bearer(answer)), 401, "invalid_token")
    async with services.db.transaction() as tx:
        user = await services.users.find_by_sub(tx, sub_of(admin))
        assert user is not None
        listed = await services.sessions.list_live(tx, user.id, after=None, limit=10)
    assert [session.acts_for for session in listed] == [None]


@pytest.mark.attack("ADM-04")
async def test_nobody_acts_for_an_administrator_or_for_themselves(
    api: httpx2.AsyncClient, admin, admins: Administrators
):
    reader = await admins.holding("admin:stats:read")
    for sub in (sub_of(reader), sub_of(admin)):
        answer = await api.post(
            f"/admin/users/{sub}/impersonate", json={"audience": "orders-api", "reason": REASON}, headers=admin
        )
        problem(answer, 403, "not_impersonated")


async def test_it_needs_the_right_a_recent_sign_in_and_a_reason(
    api: httpx2.AsyncClient, services: Services, admin, admins: Administrators, ann: str
):
    address, body = f"/admin/users/{ann}/impersonate", {"audience": "orders-api", "reason": REASON}
    writer = await admins.holding("admin:users:write")
    problem(await api.post(address, json=body, headers=writer), 403, "insufficient_scope")
    problem(await api.post(address, json={"audience": "orders-api"}, headers=admin), 422, "validation_failed")
    problem(await api.post(address, json={**body, "audience": "nowhere"}, headers=admin), 400, "invalid_target")
    problem(await api.post("/admin/users/nobody/impersonate", json=body, headers=admin), 404, "user_not_found")
    await suspend(services, ann)
    problem(await api.post(address, json=body, headers=admin), 409, "user_suspended")
    await admins.grow_stale()
    problem(await api.post(address, json=body, headers=admin), 401, "insufficient_user_authentication")


async def test_whoever_acts_signs_out_that_session_alone(
    api: httpx2.AsyncClient, people: People, admin, ann: str, events: Events
):
    own = bearer(await people.log_in())
    headers = bearer(await act(api, admin, ann))
    everywhere = await api.post("/auth/logout", json={"everywhere": True}, headers=headers)
    problem(everywhere, 403, "not_while_acting")
    assert (await api.post("/auth/logout", headers=headers)).status_code == 204
    problem(await api.get("/auth/me", headers=headers), 401, "invalid_token")
    assert (await api.get("/auth/me", headers=own)).status_code == 200
    assert [entry["actor_id"] for entry in await events.of("session.revoked")] == [sub_of(admin)]


async def test_it_does_not_count_as_a_sign_in_of_the_user(
    api: httpx2.AsyncClient, services: Services, admin, people: People, ann: str, mailbox
):
    assert (await api.post("/auth/password/forgot", json={"email": "ann@example.com"})).status_code in (200, 202, 204)
    link = await mailbox.wait_for(to="ann@example.com", template="password_reset")
    await act(api, admin, ann)
    answer = await api.post("/auth/password/reset", json={"token": link.token, "new_password": PASSWORD + "!"})
    assert answer.status_code == 204, answer.text
