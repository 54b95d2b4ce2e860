"""`/admin/api-keys`, and administrators who come with a key."""

import pytest
from sqlalchemy import text

from app.clients.rules import ClientDefinition
from app.protocols.oauth.registration import GrantType
from tests.administrators import BY, Administrators
from tests.mailbox import mailbox_of
from tests.support import problem

pytestmark = pytest.mark.anyio

PATH = "/admin/api-keys"
READ, WRITE = "admin:api-keys:read", "admin:api-keys:write"


@pytest.fixture
def admins(api, services):
    return Administrators(api, services)


async def service_client(services, targets=None) -> str:
    definition = ClientDefinition(
        name="exporter",
        grant_types=(GrantType.CLIENT_CREDENTIALS,),
        targets={"orders-api": ("orders:read",)} if targets is None else targets,
    )
    async with services.db.transaction() as tx:
        return (await services.clients.create(tx, definition, **BY)).client_id


async def test_a_client_gets_a_key_that_opens_what_the_client_holds(api, services, admins, keys, orders):
    writer, client_id = await admins.holding(READ, WRITE), await service_client(services)
    body = {"client_id": client_id, "name": "export", "scopes": ["orders:read"], "audience": "orders-api"}
    answer = await api.post(PATH, json=body, headers=writer)
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    made = answer.json()
    told = await keys.introspect(orders, made["api_key"])
    assert (told["sub"], told["client_id"], told["scope"]) == (client_id, client_id, "orders:read")
    problem(await api.post(PATH, json=body | {"scopes": ["orders:write"]}, headers=writer), 403, "scope_not_held")
    problem(await api.post(PATH, json=body | {"audience": "billing-api"}, headers=writer), 400, "invalid_scope")
    unknown = body | {"client_id": "c_" + "0" * 22}
    problem(await api.post(PATH, json=unknown, headers=writer), 404, "client_not_found")
    rotated = await api.post(f"{PATH}/{made['id']}/rotate", json={"overlap_seconds": 0}, headers=writer)
    assert rotated.status_code == 201, rotated.text
    assert [await keys.is_active(orders, key["api_key"]) for key in (made, rotated.json())] == [False, True]


@pytest.mark.attack("API-02")
async def test_a_disabled_clients_keys_sleep_and_a_removed_ones_are_dead(api, services, admins, keys, orders):
    writer, client_id = await admins.holding(READ, WRITE), await service_client(services)
    body = {"client_id": client_id, "name": "export", "scopes": ["orders:read"], "audience": "orders-api"}
    made = (await api.post(PATH, json=body, headers=writer)).json()
    async with services.db.transaction() as tx:
        await services.clients.disable(tx, client_id, **BY)
    assert not await keys.is_active(orders, made["api_key"])
    assert (await api.get(f"{PATH}/{made['id']}", headers=writer)).json()["state"] == "sleeping"
    async with services.db.transaction() as tx:
        await services.clients.enable(tx, client_id, **BY)
    assert await keys.is_active(orders, made["api_key"])
    async with services.db.transaction() as tx:
        await services.clients.delete(tx, client_id, **BY)
    assert not await keys.is_active(orders, made["api_key"])


async def test_everybodys_keys_are_listed_by_owner_and_audience(api, people, keys, admins, services):
    user = await people.sign_up()
    ann = await people.log_in()
    made = [await keys.make(ann), await keys.make(ann, audience="billing-api", scopes=[])]
    bobs = await keys.make(await people.signed_in("bob@example.com"))
    reader = await admins.holding(READ)

    async def ids(query: str = "") -> list[str]:
        answer = await api.get(f"{PATH}{query}", headers=reader)
        assert "api_key" not in answer.text.replace("api_keys", "")
        return [key["id"] for key in answer.json()["items"]]

    assert await ids() == [bobs["id"], made[1]["id"], made[0]["id"]]
    assert await ids(f"?owner={user['sub']}") == [made[1]["id"], made[0]["id"]]
    assert await ids("?audience=billing-api") == [made[1]["id"]]
    assert await ids("?owner=nobody") == await ids("?owner=c_" + "0" * 22) == []


async def test_an_administrator_revokes_a_users_key_and_cannot_take_it_over(api, people, keys, orders, admins):
    made = await keys.make(await people.signed_in())
    writer = await admins.holding(READ, WRITE)
    problem(await api.post(f"{PATH}/{made['id']}/rotate", headers=writer), 409, "users_own_key")
    assert (await api.delete(f"{PATH}/{made['id']}", headers=writer)).status_code == 204
    assert not await keys.is_active(orders, made["api_key"])


@pytest.mark.attack("API-06")
@pytest.mark.parametrize("named", ["api_key", "cut", "id"])
async def test_a_leaked_key_is_revoked_at_once_and_its_owner_told(
    api, people, keys, orders, admins, services, events, named
):
    made = await keys.make(await people.signed_in())
    writer = await admins.holding(READ, WRITE)
    report = {
        "api_key": {"api_key": f" {made['api_key']}\n"},
        "cut": {"api_key": made["api_key"][:40]},
        "id": {"id": made["id"]},
    }[named]
    answer = await api.post(f"{PATH}/report-leak", json=report, headers=writer)
    assert (answer.status_code, answer.json()["state"]) == (200, "revoked"), answer.text
    assert not await keys.is_active(orders, made["api_key"])
    reported, revoked = await events.of("api_key.leak_reported", "api_key.revoked")
    assert (reported["details"]["key_id"], revoked["details"]["reason"]) == (made["id"], "leaked")
    assert reported["actor_kind"] == "user"
    if named == "api_key":
        async with mailbox_of(services) as mailbox:
            mail = await mailbox.wait_for(to="ann@example.com", template="api_key_leaked")
        assert "export" in mail.text
        assert made["api_key"] not in mail.text
        assert "?token=" in mail.wasnt_me_link


async def test_a_report_names_one_key(api, admins):
    writer = await admins.holding(WRITE)
    for body in ({}, {"api_key": "ask_", "id": "x"}):
        problem(await api.post(f"{PATH}/report-leak", json=body, headers=writer), 422, "validation_failed")
    for body in ({"id": "nothing"}, {"api_key": "nothing"}, {"api_key": "ask_nothing"}):
        problem(await api.post(f"{PATH}/report-leak", json=body, headers=writer), 404, "api_key_not_found")


async def key_of(api, writer, *scopes: str) -> str:
    body = {"name": "robot", "scopes": list(scopes)}
    answer = await api.post("/auth/api-keys", json=body, headers=writer)
    assert answer.status_code == 201, answer.text
    return answer.json()["api_key"]


async def test_a_key_of_an_administrator_opens_admin_routes_of_its_scopes(api, admins, services, events):
    admin = await admins.holding(READ, WRITE)
    robot = {"X-API-Key": await key_of(api, admin, READ)}
    assert (await api.get(PATH, headers=robot)).status_code == 200
    problem(await api.post(f"{PATH}/report-leak", json={"id": "x"}, headers=robot), 403, "insufficient_scope")
    problem(await api.get("/admin/users", headers=robot), 403, "insufficient_scope")
    acting = {"X-API-Key": await key_of(api, admin, WRITE)}
    (listed,) = [key for key in (await api.get(PATH, headers=robot)).json()["items"] if key["scopes"] == [READ]]
    assert (await api.delete(f"{PATH}/{listed['id']}", headers=acting)).status_code == 204
    (revoked,) = await events.of("api_key.revoked")
    assert (revoked["actor_kind"], revoked["actor_id"]) == ("api_key", acting["X-API-Key"][4:26])
    problem(await api.get(PATH, headers=robot), 401, "invalid_api_key")


async def test_a_key_opens_nothing_that_asks_for_a_recent_sign_in_or_belongs_to_an_account(api, admins, services):
    admin = await admins.holding(READ, WRITE)
    robot = {"X-API-Key": await key_of(api, admin, READ, WRITE)}
    body = {"client_id": await service_client(services), "name": "x", "scopes": []}
    problem(await api.post(PATH, json=body, headers=robot), 401, "insufficient_user_authentication")
    for method, path in (
        ("GET", "/auth/me"),
        ("GET", "/auth/api-keys"),
        ("GET", "/auth/sessions"),
        ("GET", "/auth/validate"),
        ("POST", "/auth/logout"),
        ("POST", "/auth/api-keys"),
    ):
        answer = await api.request(method, path, headers=robot, json={"name": "x", "scopes": []})
        assert answer.status_code == 401, (path, answer.text)


async def test_two_credentials_are_one_too_many(api, admins):
    admin = await admins.holding(READ)
    key = await key_of(api, admin, READ)
    problem(await api.get(PATH, headers={**admin, "X-API-Key": key}), 400, "ambiguous_credentials")
    twice = [("x-api-key", key), ("x-api-key", key)]
    problem(await api.get(PATH, headers=twice), 400, "ambiguous_credentials")


async def test_a_key_for_another_audience_of_other_networks_or_of_a_stranger_opens_no_admin_route(
    api, admins, keys, people, services
):
    admin = await admins.holding(READ)
    for wrong in ("ask_nothing", "", (await keys.make(await people.signed_in()))["api_key"]):
        problem(await api.get(PATH, headers={"X-API-Key": wrong}), 401, "invalid_api_key")
    body = {"name": "robot", "scopes": [READ], "networks": ["203.0.113.0/24"]}
    far = (await api.post("/auth/api-keys", json=body, headers=admin)).json()["api_key"]
    problem(await api.get(PATH, headers={"X-API-Key": far}), 401, "invalid_api_key")
    async with services.db.transaction() as tx:
        await tx.execute(text("DELETE FROM role_assignments"))
    near = {"X-API-Key": far}
    problem(await api.get(PATH, headers=near), 401, "invalid_api_key")
