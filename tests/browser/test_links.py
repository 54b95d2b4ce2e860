"""The pages behind links in mails: shown by GET, acted on by a button, and readable everywhere."""

import os
from pathlib import Path

import httpx2
import pytest

from app.links.service import LinkKind
from app.wiring import Services
from tests.browser.conftest import Readers
from tests.support import PASSWORD

pytestmark = pytest.mark.anyio

ANN, NEW = "ann@example.com", "an entirely different phrase"


async def link(services: Services, site: str, kind: LinkKind) -> str:
    """A link as a mail would hold it, of an account that is there."""
    async with httpx2.AsyncClient(base_url=site) as client:
        answer = await client.post("/auth/signup", json={"email": ANN, "password": PASSWORD})
        assert answer.status_code in (201, 409)
    async with services.db.transaction() as tx:
        user = await services.users.find_by_email(tx, ANN)
        assert user is not None
        return await services.links.issue(tx, kind, user.id, email=None if kind is LinkKind.WASNT_ME else ANN)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_page_is_accessible_and_quiet(
    browser: Readers, site: str, services: Services, tmp_path: Path, scheme: str
) -> None:
    kinds = (LinkKind.VERIFY_EMAIL, LinkKind.RESET_PASSWORD, LinkKind.WASNT_ME)
    pages = {kind.value: await link(services, site, kind) for kind in kinds}
    paths = ("email/confirmed", "password/forgot", "password/sent", "password/changed", "not-me/done", "not-me?token=x")
    pages |= {path.replace("/", "-").partition("?")[0]: f"{site}/{path}" for path in paths}
    reader = await browser.open(scheme=scheme, size="phone")
    shots = Path(os.environ.get("SCREENSHOTS", tmp_path))
    for name, url in pages.items():
        await reader.page.goto(url)
        await reader.page.screenshot(path=shots / f"link-{name}-{scheme}.png")
        assert await reader.violations() == [], name
    assert [words for words in reader.complaints if "400 (Bad Request)" not in words] == []
    assert [url for url in reader.asked if not url.startswith(f"{site}/")] == []


async def test_without_javascript_a_new_password_is_set_after_a_weak_one_was_refused(
    browser: Readers, site: str, services: Services
) -> None:
    url = await link(services, site, LinkKind.RESET_PASSWORD)
    reader = await browser.open(javascript=False, locale="de")
    page = reader.page
    # Looked at twice, as a program that scans mail would: nothing is spent.
    await page.goto(url)
    await page.goto(url)
    await page.fill("#new_password", "password")
    await page.locator("button[type=submit]").click()
    assert "erraten" in await page.inner_text("#main") or "bekannt" in await page.inner_text("#main")
    await page.fill("#new_password", NEW)
    await page.locator("button[type=submit]").click()
    assert page.url == f"{site}/password/changed"
    assert "token" not in str(await page.evaluate("document.referrer"))
    await page.goto(url)
    assert await page.inner_text("h1") == "Dieser Link gilt nicht mehr"
    async with httpx2.AsyncClient(base_url=site) as client:
        assert (await client.post("/auth/login", json={"email": ANN, "password": NEW})).status_code == 200


async def test_confirming_and_securing_need_the_button(browser: Readers, site: str, services: Services) -> None:
    reader = await browser.open()
    page = reader.page
    for kind, end in ((LinkKind.VERIFY_EMAIL, "/email/confirmed"), (LinkKind.WASNT_ME, "/not-me/done")):
        url = await link(services, site, kind)
        await page.goto(url)
        await page.locator("button[type=submit]").click()
        assert page.url == site + end
    async with services.db.transaction() as tx:
        user = await services.users.find_by_email(tx, ANN)
    assert user is not None
    assert user.is_verified


async def test_a_form_that_another_site_sent_does_nothing(site: str, services: Services) -> None:
    token = (await link(services, site, LinkKind.WASNT_ME)).partition("token=")[2]
    async with httpx2.AsyncClient(base_url=site) as client:
        for headers in ({}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {"Origin": "null"}):
            answer = await client.post("/not-me", data={"token": token}, headers=headers)
            assert answer.status_code == 403
    assert await services.links.find(token, LinkKind.WASNT_ME) is not None
