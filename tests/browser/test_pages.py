"""Every page for readers: readable by everyone, in their language, and closed to what is foreign."""

import os
import re
from pathlib import Path

import pytest

from tests.browser.conftest import Readers

pytestmark = pytest.mark.anyio

PAGES = {"home": "/", "error": "/nowhere", "style": "/dev/style"}


@pytest.mark.parametrize("path", PAGES.values(), ids=list(PAGES))
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", ["phone", "desk"])
@pytest.mark.attack("WEB-01")
async def test_a_page_is_accessible_quiet_and_loads_nothing_from_elsewhere(
    browser: Readers, site: str, tmp_path: Path, path: str, scheme: str, size: str
):
    reader = await browser.open(scheme=scheme, size=size)
    await reader.page.goto(site + path)
    shots = Path(os.environ.get("SCREENSHOTS", tmp_path))
    await reader.page.screenshot(path=shots / f"{path.strip('/') or 'home'}-{size}-{scheme}.png")
    assert await reader.violations() == []
    assert [words for words in reader.complaints if "404 (Not Found)" not in words] == []
    assert [url for url in reader.asked if not url.startswith(f"{site}/")] == []
    assert await reader.page.evaluate("[...document.querySelectorAll('use')].every(u => u.getBBox().width > 0)")


async def test_a_reader_chooses_language_and_appearance_and_keeps_them(browser: Readers, site: str):
    reader = await browser.open(locale="de-AT")
    page = reader.page
    await page.goto(f"{site}/nowhere?token=a%26b")
    assert await page.locator("h1").inner_text() == "Unter dieser Adresse gibt es keine Seite"
    assert await page.get_attribute("html", "lang") == "de"
    await page.get_by_text("Deutsch").first.click()
    await page.get_by_role("link", name="English").click()
    assert await page.locator("h1").inner_text() == "There is no page at this address"
    assert page.url == f"{site}/nowhere?token=a%26b&ui_locales=en"
    await page.get_by_text("Appearance").click()
    await page.get_by_role("link", name="Dark").click()
    await page.goto(f"{site}/")
    assert await page.locator("h1").inner_text() == "Sign-in for your apps"
    assert await page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(14, 16, 17)"


async def test_a_page_reads_the_same_without_javascript_and_only_lacks_what_needs_it(browser: Readers, site: str):
    reader = await browser.open(javascript=False)
    await reader.page.goto(f"{site}/nowhere")
    assert await reader.page.locator("h1").inner_text() == "There is no page at this address"
    assert not await reader.page.get_by_role("button", name="Copy").is_visible()


async def test_the_reference_of_an_error_is_its_trace_id_and_can_be_copied(browser: Readers, site: str):
    reader = await browser.open(permissions=["clipboard-read", "clipboard-write"])
    answer = await reader.page.goto(f"{site}/nowhere")
    reference = await reader.page.locator("code").inner_text()
    assert re.fullmatch("[0-9a-f]{32}", reference)
    assert (await answer.all_headers())["x-trace-id"] == reference
    await reader.page.get_by_role("button", name="Copy").click()
    await reader.page.get_by_text("Copied").wait_for()
    assert await reader.page.evaluate("navigator.clipboard.readText()") == reference


async def test_every_part_is_reached_and_opened_by_keyboard(browser: Readers, site: str):
    reader = await browser.open()
    await reader.page.goto(f"{site}/")
    reached = []
    for _ in range(6):
        await reader.page.keyboard.press("Tab")
        reached.append(await reader.page.evaluate("document.activeElement.innerText.trim().split('\\n')[0]"))
    assert reached == ["Sign in", "API documentation", "Health", "Public keys", "English", "Appearance"]
    await reader.page.keyboard.press("Enter")
    assert await reader.page.get_by_role("link", name="Dark").is_visible()
