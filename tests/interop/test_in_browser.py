"""Libraries of apps that run in the browser, in Chromium, on an origin of their own."""

import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from app.protocols.oauth.registration import AuthMethod
from tests.browser.conftest import chromium_running, served
from tests.interop.site import Persons, Site
from tests.support import PASSWORD, claims_of
from tools.npm_install import NodeEnvironment

pytestmark = pytest.mark.anyio

PAGES = Path(__file__).parent / "pages"
WAIT_MILLISECONDS = 60_000


@pytest.fixture(scope="module")
async def chromium(anyio_backend: str) -> AsyncIterator[Browser]:
    async with chromium_running() as browser:
        yield browser


@pytest.fixture(scope="module")
async def apps(node: NodeEnvironment, anyio_backend: str) -> AsyncIterator[str]:
    """Where the apps are served; another origin than the service's."""
    modules = StaticFiles(directory=node.folder / "node_modules")
    application = Starlette(routes=[Mount("/modules", modules), Mount("/", StaticFiles(directory=PAGES))])
    with socket.create_server(("127.0.0.1", 0)) as listener:
        async with served(application, listener):
            yield f"http://localhost:{listener.getsockname()[1]}"


class Reader:
    """A person at a real browser. `complaints` is what the pages and the network said of faults."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    async def sign_in(self, email: str) -> None:
        """Fill in the hosted pages, and allow what is asked."""
        page = self.page
        await page.locator("input[name=email]").fill(email)
        await page.keyboard.press("Enter")
        await page.locator("input[name=password]:visible").fill(PASSWORD)
        await page.keyboard.press("Enter")
        await page.locator("button[name=decision][value=allow]").click()

    async def run(self, expression: str) -> Any:
        """What a promise on the app's page comes to."""
        try:
            return json.loads(await self.page.evaluate(f"Promise.resolve({expression}).then(JSON.stringify)") or "null")
        except Exception as error:
            error.add_note(f"at {self.page.url}, after {self.complaints}")
            raise

    async def leave(self, expression: str, then: str) -> None:
        """Do what sends the browser away, and wait until it is somewhere that fits the pattern."""
        await self.page.evaluate(f"void {expression}")
        try:
            await self.page.wait_for_url(then)
        except Exception as error:
            error.add_note(f"at {self.page.url}, after {self.complaints}")
            raise


@pytest.fixture
async def reader(chromium: Browser) -> AsyncIterator[Reader]:
    context = await chromium.new_context(locale="en-US")
    context.set_default_timeout(WAIT_MILLISECONDS)
    yield Reader(await context.new_page())
    await context.close()


async def open_app(site: Site, apps: str, reader: Reader, page: str, **stated: Any) -> str:
    """Register an app that keeps no secret and open it; its address."""
    url = f"{apps}/{page}"
    made = await site.register(
        auth_method=AuthMethod.NONE,
        redirect_uris=(url, f"{apps}/silent.html", f"{apps}/popup.html", f"{apps}/silent-check-sso.html"),
        post_logout_redirect_uris=(url, f"{url}?goodbye"),
        allowed_origins=(apps,),
        **stated,
    )
    await reader.page.goto(f"{url}?authority={site.url}&client_id={made.client_id}")
    return url


async def test_oidc_client_ts_signs_in_renews_and_leaves(site: Site, persons: Persons, apps: str, reader: Reader):
    tess = await persons.sign_up("tess.react@example.com", name="Tess")
    url = await open_app(site, apps, reader, "oidc-client-ts.html")
    await reader.leave("app.manager.signinRedirect()", f"{site.url}/login**")
    await reader.sign_in(tess.email)
    await reader.page.wait_for_url(f"{url}?*code=*")
    user = await reader.run("app.arrived")
    assert (user["profile"]["email"], user["profile"]["name"]) == (tess.email, "Tess")

    renewed = await reader.run("app.manager.signinSilent()")
    assert renewed["access_token"] != user["access_token"]
    assert renewed["refresh_token"] != user["refresh_token"]
    assert renewed["profile"]["sub"] == user["profile"]["sub"]

    # Without a refresh token, by prompt=none in a frame that nobody sees.
    forget = "user => { user.refresh_token = undefined; return app.manager.storeUser(user) }"
    await reader.run(f"app.manager.getUser().then({forget})")
    framed = await reader.run("app.manager.signinSilent()")
    assert framed["access_token"] != renewed["access_token"]

    await reader.leave("app.manager.signoutRedirect({ state: 1 })", f"{url}?state=*")
    assert await reader.run("app.arrived.then(() => app.manager.getUser())") is None
    await reader.leave("app.manager.signinRedirect()", f"{site.url}/login**")
    assert reader.complaints == []


async def test_oidc_client_ts_signs_in_by_a_window_of_its_own(site: Site, persons: Persons, apps: str, reader: Reader):
    tess = await persons.sign_up("tess.window@example.com")
    await open_app(site, apps, reader, "oidc-client-ts.html")
    async with reader.page.expect_popup() as opened:
        await reader.page.evaluate("void (app.user = app.manager.signinPopup())")
    window = Reader(await opened.value)
    await window.sign_in(tess.email)
    # The window has told the app's page, and is closed by then.
    user = await reader.run("app.user")
    assert user["profile"]["email"] == tess.email
    assert window.page.is_closed()
    assert reader.complaints == window.complaints == []
    # Libraries that look whether the window was closed are told the truth.
    async with reader.page.expect_popup() as opened:
        await reader.page.evaluate(f"void (app.window = window.open('{site.url}/login'))")
    await (await opened.value).wait_for_load_state()
    assert await reader.run("app.window.closed") is False


async def test_keycloak_js_signs_in_renews_and_leaves(site: Site, persons: Persons, apps: str, reader: Reader):
    tess = await persons.sign_up("tess.keycloak@example.com", name="Tess")
    # It takes every refresh token apart as if it were a JWT (keycloak-js issue 149), so it is registered without.
    url = await open_app(site, apps, reader, "keycloak-js.html", grant_types=("authorization_code",))
    assert await reader.run("app.arrived") is False
    await reader.leave("app.keycloak.login({ redirectUri: app.redirectUri })", f"{site.url}/login**")
    await reader.sign_in(tess.email)
    await reader.page.wait_for_url(f"{url}*")
    assert await reader.run("app.arrived") is True
    first = await reader.run("app.keycloak.token")
    subject = claims_of(first)["sub"]
    # It reads the access token itself.
    assert (await reader.run("app.keycloak.tokenParsed"))["sub"] == subject
    assert (await reader.run("app.keycloak.idTokenParsed"))["sub"] == subject
    assert (await reader.run("app.keycloak.loadUserInfo()"))["email"] == tess.email

    # A page that opens anew finds the session in a frame that nobody sees.
    await reader.page.goto(url)
    assert await reader.run("app.arrived") is True
    assert await reader.run("app.keycloak.token") != first

    await reader.leave("app.keycloak.logout({ redirectUri: `${app.redirectUri}?goodbye` })", f"{url}?goodbye")
    assert await reader.run("app.arrived") is False
    await reader.leave("app.keycloak.login({ redirectUri: app.redirectUri })", f"{site.url}/login**")
    assert reader.complaints == []
