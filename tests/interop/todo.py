"""The todo example as it is set up by its own files, behind either provider."""

import asyncio
import contextlib
import json
import os
import re
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from app.admin.configuration.kind import Acting
from app.admin.configuration.reading import read_document
from app.audit.event import SYSTEM
from tests.browser.conftest import Reader, served
from tests.interop.site import ORIGIN, Site
from tests.support import PASSWORD
from todo_api.application import create_app
from todo_api.settings import Settings
from tools.install import PROJECT
from tools.keycloak.admin import Admin
from tools.keycloak.server import REALM_FILE
from tools.npm_install import NodeEnvironment

EXAMPLE = PROJECT / "examples" / "todo"
HOME = "http://localhost:3000"
SECRET = "a secret of forty characters for the API"
WAIT_MILLISECONDS = 60_000


@dataclass(frozen=True)
class Person:
    """Somebody with an account at a provider. `sub` is theirs where the test must know it."""

    login: str
    password: str
    name: str
    sub: str = ""


class Provider(Protocol):
    """What a test does at a provider, beside what its pages ask. `api` and `ui` are the example's variables."""

    api: dict[str, str]
    ui: dict[str, str]

    async def person(self) -> Person:
        """A new person."""
        ...

    async def fill_in(self, reader: Reader, person: Person) -> None:
        """Sign in on the provider's own page."""
        ...

    async def rotate_keys(self) -> None:
        """Sign by a new key from now on."""
        ...

    async def sign_out_everywhere(self, person: Person) -> None:
        """End every session of a person, behind the back of their browser."""
        ...


@dataclass
class AuthService:
    """This service, set up by `auth-service.yaml`."""

    site: Site
    api: dict[str, str]
    ui: dict[str, str]

    @classmethod
    async def set_up(cls, site: Site, home: str) -> "AuthService":
        document = (EXAMPLE / "auth-service.yaml").read_text().replace(HOME, home)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TODO_API_SECRET", SECRET)
            await site.services.configuration.apply(
                read_document(document.encode()), dry_run=False, prune=False, acting=Acting(actor=SYSTEM, origin=ORIGIN)
            )
        async with site.services.db.transaction() as tx:
            ids = {one.name: one.client_id for one in await site.services.clients.list(tx, limit=200)}
        api = {"keycloak_server_url": site.url, "keycloak_client_id": ids["todo-api"], "keycloak_client_secret": SECRET}
        ui = {"VITE_KEYCLOAK_URL": site.url, "VITE_KEYCLOAK_REALM": "", "VITE_KEYCLOAK_CLIENT_ID": ids["todo-ui"]}
        return cls(site, api, ui)

    async def person(self) -> Person:
        email = f"todo.{uuid4().hex[:8]}@example.com"
        answer = await self._post("/auth/signup", {"email": email, "password": PASSWORD, "name": "Tess Todo"})
        assert answer.status_code == 201, answer.text
        return Person(email, PASSWORD, "Tess Todo")

    async def fill_in(self, reader: Reader, person: Person) -> None:
        page = reader.page
        await page.wait_for_url(f"{self.site.url}/login**")
        await page.locator("input[name=email]").fill(person.login)
        await page.keyboard.press("Enter")
        await page.locator("input[name=password]:visible").fill(person.password)
        await page.keyboard.press("Enter")

    async def rotate_keys(self) -> None:
        await self.site.services.keys.rotate(longest_token_seconds=3600, actor=SYSTEM, origin=ORIGIN)

    async def sign_out_everywhere(self, person: Person) -> None:
        tokens = await self._post("/auth/login", {"email": person.login, "password": person.password})
        bearer = {"Authorization": f"Bearer {tokens.json()['access_token']}"}
        answer = await self._post("/auth/logout", {"everywhere": True}, bearer)
        assert answer.status_code == 204, answer.text

    async def _post(self, path: str, body: Any, headers: dict[str, str] | None = None) -> httpx2.Response:
        async with httpx2.AsyncClient() as http:
            return await http.post(f"{self.site.url}{path}", json=body, headers=headers)


@dataclass
class KeycloakRealm:
    """Keycloak, with a realm of the test's own that is what `keycloak-realm.json` says."""

    admin: Admin
    realm: str
    api: dict[str, str]
    ui: dict[str, str]

    @classmethod
    async def set_up(cls, admin: Admin, home: str) -> "KeycloakRealm":
        realm = f"todo-{uuid4().hex[:8]}"
        definition = json.loads(REALM_FILE.read_text().replace(HOME, home)) | {"realm": realm}
        await admin.import_realm(definition)
        (secret,) = (one["secret"] for one in definition["clients"] if one["clientId"] == "todo-api")
        url = admin.keycloak.url
        api = {"keycloak_server_url": url, "keycloak_realm": realm, "keycloak_client_id": "todo-api"}
        ui = {"VITE_KEYCLOAK_URL": url, "VITE_KEYCLOAK_REALM": realm, "VITE_KEYCLOAK_CLIENT_ID": "todo-ui"}
        return cls(admin, realm, api | {"keycloak_client_secret": secret}, ui)

    async def person(self) -> Person:
        name = f"u{uuid4().hex[:8]}"
        sub = await self.admin.make_user(self.realm, name, PASSWORD, firstName="Tess", lastName="Todo")
        return Person(name, PASSWORD, "Tess Todo", sub)

    async def fill_in(self, reader: Reader, person: Person) -> None:
        page = reader.page
        await page.wait_for_url(f"{self.admin.keycloak.issuer(self.realm)}/**")
        await page.locator("input[name=username]").fill(person.login)
        await page.locator("input[name=password]").fill(person.password)
        await page.keyboard.press("Enter")

    async def rotate_keys(self) -> None:
        await self.admin.rotate_keys(self.realm)

    async def sign_out_everywhere(self, person: Person) -> None:
        await self.admin.sign_out(self.realm, person.sub)


@dataclass
class Example:
    """The example as it runs: where its page and its API are, and the API that verifies in the other way.

    `local_url` verifies by keys, `introspecting_url` asks; the page calls one of them.
    """

    provider: Provider
    home: str
    local_url: str
    introspecting_url: str
    api_url: str


@contextlib.asynccontextmanager
async def running(
    listener: socket.socket, provider: Provider, node: NodeEnvironment, folder: Path, *, asks: bool
) -> AsyncIterator[Example]:
    """The example behind a provider; with `asks` its page calls the API that introspects."""
    database = f"sqlite+aiosqlite:///{folder}/todo.db"
    home = home_of(listener)
    await migrate(database)
    async with contextlib.AsyncExitStack() as stack:
        urls = []
        for verification in ("local", "introspection"):
            settings = Settings(
                _env_file=None, **provider.api, verification=verification, database_url=database, cors_origins=home
            )
            own = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            await stack.enter_async_context(served(create_app(settings), own))
            urls.append(home_of(own))
        await build(node, folder / "dist", provider.ui | {"VITE_API_URL": urls[asks]})
        pages = Starlette(routes=[Mount("/", StaticFiles(directory=folder / "dist", html=True))])
        await stack.enter_async_context(served(pages, listener))
        yield Example(provider, home, *urls, urls[asks])


def home_of(listener: socket.socket) -> str:
    """The origin of a listener."""
    return f"http://localhost:{listener.getsockname()[1]}"


async def migrate(database: str) -> None:
    """Make the table by the example's own migrations, as its README says it."""
    alembic, ini = PROJECT / ".venv" / "bin" / "alembic", EXAMPLE / "api" / "alembic.ini"
    await _run(alembic, "-c", ini, "upgrade", "head", cwd=PROJECT, variables={"DATABASE_URL": database})


async def build(node: NodeEnvironment, target: Path, variables: dict[str, str]) -> None:
    """Build the page with these variables, as `npm run build` does after its types are checked."""
    vite = node.folder / "node_modules" / "vite" / "bin" / "vite.js"
    await _run(node.node, vite, "build", "--outDir", target, "--logLevel", "warn", cwd=node.folder, variables=variables)


async def _run(*command: str | Path, cwd: Path, variables: dict[str, str]) -> None:
    # What serves in this loop goes on meanwhile.
    process = await asyncio.create_subprocess_exec(
        *map(str, command),
        cwd=cwd,
        env=os.environ | variables,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode(errors="replace")


@dataclass
class Guest:
    """A person at the example's page. `tokens` are those that it has shown the API, each once, in order."""

    reader: Reader
    example: Example
    tokens: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(WAIT_MILLISECONDS)
        self.page.on("request", self._note)

    @property
    def page(self) -> Any:
        """Playwright's page."""
        return self.reader.page

    def _note(self, request: Any) -> None:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if request.url.startswith(self.example.api_url) and token and token not in self.tokens:
            self.tokens.append(token)

    async def sign_in(self, person: Person) -> None:
        """Open the page, and sign in by the provider's."""
        await self.page.goto(self.example.home)
        await self.page.get_by_role("button", name="Sign in").click()
        await self.example.provider.fill_in(self.reader, person)
        await self.page.get_by_role("heading", name="Your todos").wait_for()

    async def add(self, title: str) -> Any:
        """Write a todo down; its line in the list."""
        await self.page.get_by_label("What is to be done?").fill(title)
        await self.page.keyboard.press("Enter")
        line = self.page.get_by_role("listitem").filter(has_text=title)
        await line.wait_for()
        return line

    async def renew_by_time(self, seconds: int) -> None:
        """Let the time of the page go by until its token is about to expire, and wait for a new one."""
        renewed = re.compile(r"/(oauth|openid-connect)/token$")
        async with self.page.expect_response(lambda answer: bool(renewed.search(answer.url))) as answer:
            await self.page.clock.fast_forward(seconds * 1000)
        assert (await answer.value).status == 200

    async def shoot(self, name: str) -> None:
        """Keep a picture, where SCREENSHOTS names a folder for them."""
        if folder := os.environ.get("SCREENSHOTS"):
            await self.page.screenshot(path=f"{folder}/{name}.png", full_page=True)


async def answer_of(api_url: str, token: str, method: str = "GET", path: str = "/todos/") -> httpx2.Response:
    """What the API answers to a token."""
    async with httpx2.AsyncClient() as http:
        return await http.request(method, f"{api_url}{path}", headers={"Authorization": f"Bearer {token}"})
