"""An app signs its user in, in a real browser: the question, the answer in both forms, and the page of a failure."""

import os
import re
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2
import pytest
from playwright.async_api import Route

from app.audit.event import SYSTEM
from app.clients.rules import ClientDefinition
from app.foundation.origin import Origin
from app.protocols.oauth.registration import AuthMethod
from app.wiring import Services
from tests.browser.conftest import Reader, Readers
from tests.oauth.people_at_browsers import AUTHORIZE, CALLBACK, asked
from tests.support import PASSWORD, People

pytestmark = pytest.mark.anyio

PETRA = "petra@example.com"


async def registered(services: Services) -> str:
    definition = ClientDefinition(
        name="Parcel Lens",
        grant_types=("authorization_code",),
        redirect_uris=(CALLBACK,),
        auth_method=AuthMethod.NONE,
        targets={"orders-api": ("orders:read",)},
        client_uri="https://client.example.com/",
    )
    async with services.db.transaction() as tx:
        made = await services.clients.create(
            tx, definition, actor=SYSTEM, origin=Origin(ip=None, user_agent=None, trace_id="0" * 32)
        )
    return made.client_id


async def answers(reader: Reader) -> list[tuple[str, str]]:
    """What reaches the client's own site from now on: method, and parameters as they came."""
    told: list[tuple[str, str]] = []

    async def take(route: Route) -> None:
        request = route.request
        body = request.post_data or "" if request.method == "POST" else urlsplit(request.url).query
        told.append((request.method, body))
        await route.fulfill(status=200, content_type="text/html", body="<title>Parcel Lens</title>")

    await reader.page.route("https://client.example.com/**", take)
    return told


async def test_an_app_is_let_in_and_told_so_in_both_forms(
    browser: Readers, site: str, services: Services, tmp_path: Path
):
    shots = Path(os.environ.get("SCREENSHOTS", tmp_path))
    async with httpx2.AsyncClient(base_url=site) as client:
        await People(client).sign_up(PETRA)
    client_id, reader = await registered(services), await browser.open(size="phone")
    page, told = reader.page, await answers(reader)
    request = f"{site}{AUTHORIZE}?{urlencode(asked(client_id, scope='openid email orders:read', login_hint=PETRA))}"
    await page.goto(request)
    await page.get_by_role("button", name="Continue").first.click()
    await page.locator("input[type=password]").fill(PASSWORD)
    await page.locator("form:has(input[type=password]) button[type=submit]").click()
    await page.get_by_role("heading", name="Allow Parcel Lens to use your account?").wait_for()
    await page.screenshot(path=shots / "consent-phone-light.png", full_page=True)
    assert await reader.violations() == []
    await page.get_by_role("button", name="Allow", exact=True).click()
    await page.wait_for_url(re.compile(re.escape(CALLBACK)))
    ((method, body),) = told
    assert method == "GET"
    assert set(dict(parse_qsl(body))) == {"code", "state", "iss"}
    # Nobody is asked again; the answer is a form that sends itself.
    await page.goto(f"{request}&response_mode=form_post")
    await page.wait_for_url(CALLBACK)
    method, body = told[-1]
    assert method == "POST"
    assert set(dict(parse_qsl(body))) == {"code", "state", "iss"}
    assert [words for words in reader.complaints if "client.example.com" not in words] == []
    assert [
        url for url in reader.asked if not url.startswith((f"{site}/", CALLBACK, "https://client.example.com/"))
    ] == []


async def test_the_page_of_a_failure_is_readable_by_everybody(
    browser: Readers, site: str, services: Services, tmp_path: Path
):
    shots = Path(os.environ.get("SCREENSHOTS", tmp_path))
    client_id = await registered(services)
    wrong = f"{site}{AUTHORIZE}?{urlencode(asked(client_id, redirect_uri=CALLBACK + '/'))}"
    for scheme, size in (("light", "desk"), ("dark", "phone")):
        reader = await browser.open(scheme=scheme, size=size)
        answer = await reader.page.goto(wrong)
        assert answer is not None
        assert answer.status == 400
        assert await reader.page.get_by_text("Why did this fail?").is_visible()
        await reader.page.screenshot(path=shots / f"authorization-failed-{size}-{scheme}.png", full_page=True)
        assert await reader.violations() == []
