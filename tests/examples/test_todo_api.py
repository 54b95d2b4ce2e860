"""The API of the todo example: what it answers, to whom, and what its settings mean."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from alembic import command
from alembic.config import Config
from pydantic import ValidationError

from app.foundation.engines.lock import Engines
from auth_service_sdk.testing import Issuer
from tests.servers import database_named, execute
from todo_api.application import create_app
from todo_api.settings import Settings
from tools.install import PROJECT

pytestmark = pytest.mark.anyio

KEYCLOAK = {
    "keycloak_server_url": "https://id.example.com/",
    "keycloak_realm": "todo-app",
    "keycloak_client_id": "todo-api",
}
As = Callable[..., dict[str, str]]


def settings(**values: Any) -> Settings:
    return Settings(_env_file=None, **values)


@pytest.fixture(scope="module", params=["SQLite", "PostgreSQL"])
async def database(request: pytest.FixtureRequest, engines: Engines, tmp_path_factory) -> AsyncIterator[str]:
    """A migrated database of the example's own."""
    if request.param == "SQLite":
        url = f"sqlite+aiosqlite:///{tmp_path_factory.mktemp('todo')}/todo.db"
    else:
        name = f"todo_{uuid4().hex}"
        await execute(engines.database_url, f"CREATE DATABASE {name}")
        url = database_named(engines, name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", url)
        config = Config(PROJECT / "examples" / "todo" / "api" / "alembic.ini")
        for step in (command.upgrade, command.downgrade, command.upgrade):
            await asyncio.to_thread(step, config, "base" if step is command.downgrade else "head")
        # What the models say is what the migrations have made.
        await asyncio.to_thread(command.check, config)
    yield url
    if request.param == "PostgreSQL":
        await execute(engines.database_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def provider() -> Any:
    with Issuer() as issuer:
        yield issuer


@pytest.fixture(scope="module")
async def api(database: str, provider: Issuer) -> AsyncIterator[httpx2.AsyncClient]:
    app = create_app(settings(**KEYCLOAK, database_url=database))
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://api.test") as client,
    ):
        yield client


@pytest.fixture(scope="module")
def as_user(provider: Issuer) -> As:
    """`as_user("ann")` are the headers of somebody who came by Keycloak."""

    def headers(sub: str, **changes: Any) -> dict[str, str]:
        now = int(time.time())
        claims = {"iss": "https://id.example.com/realms/todo-app", "aud": ["todo-api", "account"], "sub": sub}
        claims |= {"typ": "Bearer", "azp": "todo-ui", "iat": now, "exp": now + 300} | changes
        return {"Authorization": f"Bearer {provider.sign(claims, typ='JWT')}"}

    return headers


async def test_a_todo_is_added_read_changed_and_removed_by_its_owner(api: httpx2.AsyncClient, as_user: As):
    ann = as_user(f"ann-{uuid4()}")
    assert (await api.get("/todos/", headers=ann)).json() == []
    made = await api.post("/todos/", headers=ann, json={"title": "  Buy milk "})
    assert made.status_code == 201
    todo = made.json()
    assert (todo["title"], todo["description"], todo["completed"]) == ("Buy milk", "", False)
    assert todo["created_at"].endswith("Z")
    assert "owner" not in todo
    at = made.headers["location"]
    assert (await api.get(at, headers=ann)).json() == todo
    assert (await api.get("/todos/", headers=ann)).json() == [todo]

    ticked = await api.patch(at, headers=ann, json={"completed": True})
    assert ticked.status_code == 200
    assert ticked.json() == todo | {"completed": True, "updated_at": ticked.json()["updated_at"]}
    replaced = await api.put(at, headers=ann, json={"title": "Buy bread", "description": "rye"})
    assert replaced.status_code == 200
    assert [replaced.json()[name] for name in ("title", "description", "completed")] == ["Buy bread", "rye", False]

    removed = await api.delete(at, headers=ann)
    assert (removed.status_code, removed.content) == (204, b"")
    for method in ("GET", "DELETE"):
        assert (await api.request(method, at, headers=ann)).status_code == 404


async def test_somebody_elses_todo_is_as_absent_as_one_that_never_was(api: httpx2.AsyncClient, as_user: As):
    ann, bob = as_user(f"ann-{uuid4()}"), as_user(f"bob-{uuid4()}")
    made = await api.post("/todos/", headers=ann, json={"title": "Mine"})
    never = f"/todos/{2**63 - 1}"
    for method, body in (
        ("GET", None),
        ("PUT", {"title": "Yours"}),
        ("PATCH", {"completed": True}),
        ("PATCH", {}),
        ("DELETE", None),
    ):
        foreign = await api.request(method, made.headers["location"], headers=bob, json=body)
        absent = await api.request(method, never, headers=bob, json=body)
        assert (foreign.status_code, foreign.json()) == (404, absent.json())
        assert absent.status_code == 404
    assert (await api.get("/todos/", headers=bob)).json() == []
    assert (await api.get(made.headers["location"], headers=ann)).json() == made.json()


async def test_a_list_comes_in_pages_the_newest_first(api: httpx2.AsyncClient, as_user: As):
    ann = as_user(f"ann-{uuid4()}")
    for number in range(3):
        await api.post("/todos/", headers=ann, json={"title": f"n{number}"})

    async def titles(query: str) -> list[str]:
        return [todo["title"] for todo in (await api.get(f"/todos/?{query}", headers=ann)).json()]

    assert await titles("") == ["n2", "n1", "n0"]
    assert await titles("limit=2") == ["n2", "n1"]
    assert await titles("limit=2&offset=2") == ["n0"]
    for query in ("limit=0", "limit=101", "limit=x", "offset=-1", f"offset={2**31}"):
        assert (await api.get(f"/todos/?{query}", headers=ann)).status_code == 422, query


async def test_bad_input_is_422_in_words_that_repeat_none_of_it(api: httpx2.AsyncClient, as_user: As):
    ann = as_user("ann")
    at = (await api.post("/todos/", headers=ann, json={"title": "x"})).headers["location"]
    bodies = [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b'{"title": ""}',
        b'{"title": "   "}',
        b'{"title": null}',
        b'{"title": 7}',
        b'{"title": NaN}',
        b'{"title": "a\\u0000b"}',
        b'{"title": "\\ud800"}',
        b'{"title": "%s"}' % (b"y" * 201),
        b'{"title": "x", "description": "%s"}' % (b"y" * 2001),
        b'{"title": "x", "completed": "perhaps"}',
        b'{"title": "x", "owner": "bob"}',
        b'{"title": "x", "sekret": "hunter2"}',
    ]
    headers = ann | {"Content-Type": "application/json"}
    for method, path in (("POST", "/todos/"), ("PUT", at), ("PATCH", at)):
        for body in bodies:
            if method == "PATCH" and body == b"{}":
                continue
            answer = await api.request(method, path, headers=headers, content=body)
            assert answer.status_code == 422, (method, body, answer.text)
            assert "hunter2" not in answer.text
            assert "yyy" not in answer.text
    for todo_id in ("0", "-1", "x", "1.5", str(2**63)):
        assert (await api.get(f"/todos/{todo_id}", headers=ann)).status_code == 422, todo_id


async def test_tokens_that_are_not_for_this_api_open_nothing(api: httpx2.AsyncClient, as_user: As):
    assert (await api.get("/health")).json() == {"status": "ok"}
    for headers in (
        {},
        as_user("ann", aud="account"),
        as_user("ann", iss="https://id.example.com/realms/other"),
        as_user("ann", typ="ID"),
        as_user("ann", exp=int(time.time()) - 100),
    ):
        for method, path in (("GET", "/todos/"), ("POST", "/todos/"), ("DELETE", "/todos/1"), ("GET", "/nowhere")):
            answer = await api.request(method, path, headers=headers)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_the_page_of_the_settings_may_call_and_no_other(api: httpx2.AsyncClient):
    async def preflight(origin: str) -> httpx2.Response:
        asked = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "authorization"}
        return await api.options("/todos/1", headers={"Origin": origin} | asked)

    allowed = await preflight("http://localhost:3000")
    assert allowed.headers["access-control-allow-origin"] == "http://localhost:3000"
    assert "access-control-allow-origin" not in (await preflight("https://evil.example")).headers
    # A refusal can be read by the page, which then renews its token.
    refused = await api.get("/todos/", headers={"Origin": "http://localhost:3000"})
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, "http://localhost:3000")


async def test_the_same_variables_lead_to_auth_service_where_there_is_no_realm(auth_as, tmp_path: Path):
    given = settings(
        keycloak_server_url="https://auth.example.com",
        keycloak_client_id="c_0123456789abcdefABCDEF",
        database_url=f"sqlite+aiosqlite:///{tmp_path}/todo.db",
    )
    assert (given.issuer_url, given.audience) == ("https://auth.example.com", "todo-api")
    app = create_app(given)
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://api.test") as client:
            assert (await client.get("/todos/x", headers=auth_as(app=app))).status_code == 422
            assert (await client.get("/todos/x", headers=auth_as.revoked(app=app))).status_code == 401
            assert (await client.get("/todos/x", headers=auth_as.wrong_audience(app=app))).status_code == 401


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"verification": "introspection"}, "KEYCLOAK_CLIENT_SECRET"),
        ({"verification": "introspection", "keycloak_client_secret": ""}, "KEYCLOAK_CLIENT_SECRET"),
        ({"verification": "none"}, "introspection"),
        ({"keycloak_server_url": "id.example.com"}, "keycloak_server_url"),
        ({"keycloak_realm": "a/../b"}, "keycloak_realm"),
        ({"keycloak_client_id": ""}, "keycloak_client_id"),
    ],
)
def test_settings_that_cannot_work_stop_the_start_in_words(wrong: dict[str, str], said: str):
    with pytest.raises(ValidationError, match=said):
        settings(**KEYCLOAK | wrong)


def test_a_provider_that_is_not_https_is_refused():
    with pytest.raises(ValueError, match="https"):
        create_app(settings(**KEYCLOAK | {"keycloak_server_url": "http://id.example.com"}))
