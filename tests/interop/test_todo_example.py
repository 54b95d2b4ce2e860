"""The todo example in Chromium, behind this service and behind a real Keycloak, by the very same code."""

import asyncio
import base64
import json
import os
import socket
import subprocess
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from playwright.async_api import Browser

from tests.browser.conftest import Readers, chromium_running
from tests.interop import todo
from tests.interop.site import Site
from tests.interop.todo import EXAMPLE, AuthService, Example, Guest, KeycloakRealm
from tests.support import claims_of
from tools.keycloak.admin import Admin
from tools.keycloak.server import Keycloak
from tools.npm_install import NodeEnvironment, NodeMissing, installed

pytestmark = pytest.mark.anyio

# A minute less than the tokens of each live.
UNTIL_RENEWAL_SECONDS = {"auth-service": 545, "keycloak": 245}


@pytest.fixture(scope="module")
async def chromium(anyio_backend: str) -> AsyncIterator[Browser]:
    async with chromium_running() as browser:
        yield browser


@pytest.fixture(scope="module")
async def packages(anyio_backend: str) -> NodeEnvironment:
    """The page's sources with their packages; skips where they cannot be had, and fails in CI."""
    try:
        return await asyncio.to_thread(installed, EXAMPLE / "ui", "todo-ui")
    except NodeMissing as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error))
        pytest.skip(str(error))


@pytest.fixture(scope="module")
async def behind_auth_service(site: Site, packages: NodeEnvironment, tmp_path_factory: Any) -> AsyncIterator[Example]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        provider = await AuthService.set_up(site, todo.home_of(listener))
        async with todo.running(listener, provider, packages, tmp_path_factory.mktemp("todo"), asks=False) as example:
            yield example


@pytest.fixture(scope="module")
async def behind_keycloak(
    keycloak: Keycloak, packages: NodeEnvironment, tmp_path_factory: Any
) -> AsyncIterator[Example]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        async with Admin(keycloak) as admin:
            provider = await KeycloakRealm.set_up(admin, todo.home_of(listener))
            folder = tmp_path_factory.mktemp("todo")
            async with todo.running(listener, provider, packages, folder, asks=True) as example:
                yield example
            await admin.remove_realm(provider.realm)


@pytest.fixture(params=["auth-service", "keycloak"])
def behind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def example(behind: str, request: pytest.FixtureRequest) -> Example:
    return request.getfixturevalue(f"behind_{behind.replace('-', '_')}")


@pytest.fixture
async def guests(chromium: Browser, example: Example) -> AsyncIterator[Any]:
    """`await guests(size="phone")` is a person at the page, with a browser of their own."""
    readers = Readers(chromium)

    async def guest(**look: Any) -> Guest:
        return Guest(await readers.open(**look), example)

    yield guest
    for context in readers.contexts:
        await context.close()


async def test_a_person_signs_in_keeps_a_list_and_signs_out(example: Example, behind: str, guests: Any):
    tess, guest = await example.provider.person(), await guests()
    page = guest.page
    await page.clock.install()
    await guest.sign_in(tess)
    assert page.url == f"{example.home}/"
    await page.get_by_text(tess.name).wait_for()
    await guest.add("Water the plants")
    milk = await guest.add("Buy milk")
    await milk.get_by_role("checkbox").check()
    await page.get_by_text("1 of 2 to do").wait_for()
    await guest.shoot(f"todo-{behind}-list")
    await guest.reader.page.get_by_role("button", name="Delete Water the plants").click()
    await page.get_by_text("0 of 1 to do").wait_for()
    assert await page.evaluate("Object.keys(localStorage)") == []
    # What lies in the other store is of the journey to the provider: no token.
    assert "eyJ" not in await page.evaluate("JSON.stringify(sessionStorage)")

    # Somebody else's list is empty, and what is in this one is not there for them.
    other = await guests()
    await other.sign_in(await example.provider.person())
    await other.page.get_by_text("Nothing to do.").wait_for()
    (mine,) = (await todo.answer_of(example.api_url, guest.tokens[-1])).json()
    for method in ("GET", "DELETE"):
        foreign = await todo.answer_of(example.api_url, other.tokens[-1], method, f"/todos/{mine['id']}")
        assert foreign.status_code == 404
    # Each way to verify takes the same tokens.
    for url in (example.local_url, example.introspecting_url):
        assert (await todo.answer_of(url, guest.tokens[-1])).json() == [mine]

    # A minute before the token expires there is a new one, and nobody has noticed.
    first = guest.tokens[-1]
    await guest.renew_by_time(UNTIL_RENEWAL_SECONDS[behind])
    async with asyncio.timeout(60):
        # Until the page has taken over what the provider answered.
        while guest.tokens[-1] == first:
            await guest.add(f"Call Ann {uuid4()}")
    # A page that opens anew finds the provider's session, in a frame that nobody sees.
    await page.reload()
    await page.get_by_role("listitem").filter(has_text="Call Ann").first.wait_for()

    await page.get_by_role("button", name="Sign out").click()
    await page.get_by_role("button", name="Sign in").wait_for()
    assert page.url == f"{example.home}/"
    await page.get_by_role("button", name="Sign in").click()
    # The provider has forgotten them as well: it asks for the password.
    await example.provider.fill_in(guest.reader, tess)
    await page.get_by_role("listitem").filter(has_text="Buy milk").wait_for()
    assert guest.reader.complaints == other.reader.complaints == []


async def test_a_provider_that_changes_its_keys_in_mid_use_signs_nobody_out(example: Example, guests: Any):
    tess, guest = await example.provider.person(), await guests()
    await guest.sign_in(tess)
    await guest.add("Before")
    former = guest.tokens[-1]
    await example.provider.rotate_keys()
    # The token of the former key still counts,
    await guest.add("Meanwhile")
    assert guest.tokens[-1] == former
    await guest.page.reload()
    await guest.add("After")
    # and so does one of the key that the API has not seen before.
    assert key_of(guest.tokens[-1]) != key_of(former)
    for url in (example.local_url, example.introspecting_url):
        for token in (former, guest.tokens[-1]):
            assert (await todo.answer_of(url, token)).status_code == 200
    assert guest.reader.complaints == []


async def test_who_is_signed_out_behind_their_back_is_told_and_gets_nothing_more(
    example: Example, behind: str, guests: Any
):
    tess, guest = await example.provider.person(), await guests()
    await guest.sign_in(tess)
    line = await guest.add("Too late")
    token = guest.tokens[-1]
    for url in (example.local_url, example.introspecting_url):
        assert (await todo.answer_of(url, token)).status_code == 200
    await example.provider.sign_out_everywhere(tess)
    await refused(example.api_url, token)
    await line.get_by_role("checkbox").click()
    await guest.page.get_by_text("Your session has ended. Sign in again to go on.").wait_for()
    await guest.shoot(f"todo-{behind}-ended")
    await refused(example.introspecting_url, token)
    # Keycloak tells nobody: verified by its keys alone a token counts until it expires.
    assert (await todo.answer_of(example.local_url, token)).status_code == (200 if behind == "keycloak" else 401)
    await guest.page.get_by_role("button", name="Sign in").click()
    await example.provider.fill_in(guest.reader, tess)
    await guest.page.get_by_role("listitem").filter(has_text="Too late").wait_for()


async def test_the_page_can_be_used_by_everybody_on_a_phone_in_the_dark(
    behind_auth_service: Example, chromium: Browser
):
    readers = Readers(chromium)
    try:
        tess = await behind_auth_service.provider.person()
        for scheme, size in (("light", "phone"), ("dark", "phone"), ("light", "desk")):
            guest = Guest(await readers.open(scheme=scheme, size=size), behind_auth_service)
            await guest.page.goto(behind_auth_service.home)
            await guest.page.get_by_role("button", name="Sign in").wait_for()
            await guest.shoot(f"todo-welcome-{scheme}-{size}")
            assert await guest.reader.violations() == []
            await guest.sign_in(tess)
            long = await guest.add(f"{scheme} {size}: " + "Donaudampfschifffahrtsgesellschaft" * 4)
            await long.get_by_role("checkbox").check()
            await guest.add(f"{scheme} {size}: short")
            await guest.shoot(f"todo-list-{scheme}-{size}")
            assert await guest.reader.violations() == []
            # Without a mouse.
            await guest.page.keyboard.press("Tab")
            await guest.page.keyboard.press("Tab")
            await guest.page.keyboard.press("Space")
            await guest.page.get_by_role("checkbox", name=f"{scheme} {size}: short", checked=True).wait_for()
            await guest.page.keyboard.press("Tab")
            await guest.page.keyboard.press("Enter")
            await guest.page.get_by_text(f"Deleted: {scheme} {size}: short").wait_for()
            assert guest.reader.complaints == []
    finally:
        for context in readers.contexts:
            await context.close()


async def test_when_the_api_is_away_the_page_says_so_and_goes_on_afterwards(
    behind_auth_service: Example, chromium: Browser
):
    readers = Readers(chromium)
    try:
        guest = Guest(await readers.open(), behind_auth_service)
        await guest.page.route(f"{behind_auth_service.api_url}/**", lambda route: route.abort())
        await guest.sign_in(await behind_auth_service.provider.person())
        alert = guest.page.get_by_role("alert")
        await alert.get_by_text("The API cannot be reached.").wait_for()
        await guest.page.unroute_all()
        await alert.get_by_role("button", name="Try again").click()
        await guest.page.get_by_text("Nothing to do.").wait_for()
        assert await alert.count() == 0
    finally:
        for context in readers.contexts:
            await context.close()


def test_the_sources_have_sound_types_and_the_lock_names_no_address(packages: NodeEnvironment):
    compiler = packages.folder / "node_modules" / "typescript" / "bin" / "tsc"
    command = [packages.node, compiler, "--noEmit"]
    done = subprocess.run(command, cwd=packages.folder, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    text = (EXAMPLE / "ui" / "package-lock.json").read_text()
    locked = json.loads(text)["packages"]
    assert all(package["integrity"].startswith("sha512-") for name, package in locked.items() if name)
    assert "resolved" not in text


async def test_the_realm_of_the_file_is_what_the_readme_says(keycloak: Keycloak, keycloak_admin: Admin):
    realm = "todo-app"
    api, ui = await keycloak_admin.client(realm, "todo-api"), await keycloak_admin.client(realm, "todo-ui")
    flows = ("publicClient", "serviceAccountsEnabled", "standardFlowEnabled", "directAccessGrantsEnabled")
    assert [api[flow] for flow in flows] == [False, True, False, False]
    assert [ui[flow] for flow in flows] == [True, False, True, False]
    assert ui["attributes"]["pkce.code.challenge.method"] == "S256"
    assert sorted(ui["redirectUris"]) == [f"{todo.HOME}/", f"{todo.HOME}/silent.html"]
    user = await keycloak_admin.user(realm, "testuser")
    assert [user[name] for name in ("email", "emailVerified", "firstName", "lastName")] == [
        "testuser@example.com",
        True,
        "Test",
        "User",
    ]
    # Neither by its password, nor without a challenge, is a token to be had for the page.
    with pytest.raises(httpx2.HTTPStatusError):
        await keycloak_admin.tokens(
            realm, "todo-ui", grant_type="password", username="testuser", password="Password123!"
        )
    own = await keycloak_admin.tokens(realm, "todo-api", client_secret=api["secret"], grant_type="client_credentials")
    assert claims_of(own["access_token"])["azp"] == "todo-api"


async def refused(api_url: str, token: str) -> None:
    """Wait until the API does not take this token any more."""
    async with asyncio.timeout(60):
        while (await todo.answer_of(api_url, token)).status_code != 401:
            await asyncio.sleep(0.05)


def key_of(token: str) -> str:
    """The id of the key that a token was signed by."""
    header = token.split(".", maxsplit=1)[0]
    return json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))["kid"]
