"""A realm of Keycloak moves in."""

import io
import json
from pathlib import Path

import pytest

from app.transfer.keycloak.move import KeycloakImport
from app.transfer.keycloak.realm import RealmRefused, members
from app.transfer.keycloak.report import Report
from app.transfer.keycloak.translate import user_line
from app.wiring import Services
from tests.support import PASSWORD, Events, People, claims_of
from tests.transfer import realm as keycloak
from tests.transfer.support import ACTING
from tools.keycloak.server import REALM_FILE

pytestmark = pytest.mark.anyio


@pytest.fixture
def export(tmp_path: Path) -> Path:
    path = tmp_path / "realm.json"
    path.write_text(json.dumps(keycloak.realm(PASSWORD), indent=2))
    return path


async def move(services: Services, path: Path, *, dry_run: bool = False) -> Report:
    moving = KeycloakImport(
        db=services.db,
        clock=services.clock,
        audiences=services.audience_registration,
        roles=services.role_registration,
        groups=services.groups,
        clients=services.clients,
        imports=services.user_imports,
    )
    return await moving.run(path, by=ACTING, dry_run=dry_run)


async def roles_of(services: Services, email: str) -> set[tuple[str, str | None]]:
    async with services.db.transaction() as tx:
        user = await services.users.find_by_email(tx, email)
        assert user is not None
        return {(held.role, held.audience) for held in await services.role_assignments.list_of(tx, user.id)}


@pytest.mark.parametrize("name", ["ann", "cid", "dan"])
async def test_user_signs_in_with_the_old_password_and_its_hash_becomes_ours(
    services: Services, people: People, api, export: Path, name: str
):
    await move(services, export)
    email = f"{name}@example.com"
    answer = await api.post("/auth/login", json={"email": email, "password": PASSWORD})
    # Cid had to set up a second factor: the password was right, and that is the next step.
    assert answer.status_code == (403 if name == "cid" else 200), answer.text
    assert name != "cid" or answer.json()["code"].startswith("mfa")
    wrong = await api.post("/auth/login", json={"email": email, "password": PASSWORD + "?"})
    assert wrong.status_code == 401
    async with services.db.transaction() as tx:
        user = await services.users.find_by_email(tx, email)
        assert user is not None
        stored = await services.passwords.stored(tx, user.id)
    assert stored is not None
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


async def test_users_keep_what_tokens_and_databases_knew_them_by(services: Services, export: Path):
    await move(services, export)
    async with services.db.transaction() as tx:
        ann = await services.users.find_by_email(tx, "ann@example.com")
        bob = await services.users.find_by_email(tx, "bob@example.com")
        assert ann is not None
        assert bob is not None
        groups = await services.groups.list_of(tx, bob.id)
    assert ann.sub == keycloak.user("ann")["id"]
    assert (ann.name, ann.locale, ann.is_verified) == ("Ann Example", "de", True)
    assert ann.attributes == {"tier": "gold", "username": "ann"}
    assert ann.created_at.isoformat() == "2023-07-22T04:26:40+00:00"
    assert not bob.is_active
    assert [group.name for group in groups] == ["staff/berlin"]
    assert await roles_of(services, "eve@example.com") == {
        ("realm-admin", None),
        ("customer", None),
        ("manager", "warehouse"),
    }


async def test_report_names_everything_that_stayed_behind(services: Services, export: Path):
    report = await move(services, export)
    assert report.made == {"user": 5, "role": 5, "group": 2, "client": 2, "audience": 1}
    losses = {(loss.kind, loss.name) for loss in report.losses}
    assert {
        ("user", "nobody"),
        ("service account", "service-account-robot"),
        ("attribute", "ann: tags"),
        ("required action", "cid"),
        ("credential", "dan"),
        ("federated identity", "eve"),
        ("right over Keycloak", "eve"),
        ("role", "admin"),
        ("composite role", "everything"),
        ("group attribute", "staff"),
        ("redirect URI", "storefront"),
        ("client", "old"),
        ("client", "legacy"),
        ("identity provider", "1"),
    } <= losses
    wildcards = [loss.why for loss in report.losses if loss.kind == "redirect URI" and "wildcards" in loss.why]
    assert [why.split(":")[0] for why in wildcards] == ["https", "*"]
    assert PASSWORD not in str(report.losses)


async def test_clients_get_ids_and_secrets_of_ours(services: Services, export: Path):
    report = await move(services, export)
    moved = {client.name: client for client in report.clients}
    assert set(moved) == {"storefront", "robot"}
    assert moved["storefront"].client_secret is None
    assert moved["robot"].client_secret not in {None, "bqUqJGVIvBkmGb3MvJqPBYdGkWlNQGYd"}
    async with services.db.transaction() as tx:
        storefront = await services.clients.get(tx, moved["storefront"].client_id)
    assert storefront.definition.redirect_uris == ("https://shop.example.com/callback",)


async def test_realm_moves_in_once_however_often_it_comes(services: Services, export: Path, events: Events):
    await move(services, export)
    made = ("user.created", "role.created", "group.created", "client.created", "audience.created")
    before = len(await events.of(*made))
    again = await move(services, export)
    assert again.made.total() == 0
    assert again.present == {"user": 5, "role": 5, "group": 2, "client": 2, "audience": 1}
    assert len(await events.of(*made)) == before


async def test_dry_run_says_the_same_and_does_nothing(services: Services, export: Path, events: Events):
    before = len(await events.of("role.created"))
    planned = await move(services, export, dry_run=True)
    assert await events.of("user.created", "group.created", "client.created") == []
    assert len(await events.of("role.created")) == before
    done = await move(services, export)
    assert (planned.made, planned.lost) == (done.made, done.lost)


@pytest.mark.parametrize(
    "text", ["", "[]", "7", '{"realm": ', '{"realm": "a" "b"}', '{"realm": "a", "users": [{]}', "{}", "[" * 100_000]
)
async def test_file_that_is_no_realm_is_refused(services: Services, tmp_path: Path, text: str):
    path = tmp_path / "realm.json"
    path.write_text(text)
    with pytest.raises(RealmRefused):
        await move(services, path)


def test_users_are_read_one_at_a_time_wherever_a_chunk_ends():
    class Drip(io.StringIO):
        """A file that gives a character at a time, and knows how much was asked of it."""

        def read(self, size: int | None = -1) -> str:
            return super().read(1)

    document = {
        "realm": "x",
        "n": 12345,
        "users": [{"id": n, "name": 'a"]}'} for n in range(3)],
        "last": [1, {"a": []}],
        "e": [],
    }
    found = list(members(Drip(json.dumps(document)), each="users"))
    assert found == [
        ("realm", "x"),
        ("n", 12345),
        *[("users", user) for user in document["users"]],
        ("last", [1, {"a": []}]),
        ("e", []),
    ]


async def test_the_realm_of_the_todo_example_moves_in_whole(services: Services, people: People, tmp_path: Path):
    report = await move(services, REALM_FILE)
    assert report.losses == []
    assert report.made == {"user": 1, "client": 2, "audience": 1}
    moved = {client.name: client for client in report.clients}
    assert moved["todo-ui"].client_secret is None
    async with services.db.transaction() as tx:
        page = (await services.clients.get(tx, moved["todo-ui"].client_id)).definition
        service = (await services.clients.get(tx, moved["todo-api"].client_id)).definition
    assert page.targets == {"todo-api": None}
    assert page.redirect_uris == ("http://localhost:3000/", "http://localhost:3000/silent.html")
    assert page.post_logout_redirect_uris == ("http://localhost:3000/",)
    assert page.allowed_origins == ("http://localhost:3000",)
    assert (service.audience, set(service.scopes)) == ("todo-api", {"introspection", "revocations:read"})
    # Its password stands there as it is, as in a realm that somebody wrote by hand.
    tokens = await people.log_in("testuser@example.com", "Password123!", audience="todo-api")
    assert claims_of(tokens["access_token"])["aud"] == "todo-api"
    assert (await move(services, REALM_FILE)).made.total() == 0


def test_a_password_that_is_to_be_changed_is_told_of_and_one_of_no_known_form_is_lost():
    report = Report(dry_run=True)
    one = {"username": "a", "email": "a@example.com"}
    kept = user_line(one | {"credentials": [{"type": "password", "value": "x", "temporary": True}]}, report)
    lost = user_line(one | {"credentials": [{"type": "password", "value": 7}]}, report)
    assert kept is not None
    assert lost is not None
    assert str(kept["password_hash"]).startswith("$pbkdf2-sha512$")
    assert "password_hash" not in lost
    assert [loss.kind for loss in report.losses] == ["password", "password"]
