"""Swagger UI in Chromium: a person signs in by its Authorize button and calls a protected route."""

import asyncio
import hashlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Page, Route, expect

from app.foundation.static import FOLDER
from tests.browser.conftest import Reader, Readers
from tests.cli.running import Running, free_ports

pytestmark = pytest.mark.anyio

EMAIL, PASSWORD = "user@example.com", "Password123!"
# Of swagger-ui-dist 5.35.0, as its package has them.
PINNED = {
    "swagger-ui-bundle.js": "e6a898692f2d768e807c3ba4626068a69a2c5dd960dd6c76f3e4d3a3de180af2",
    "swagger-ui.css": "5ed08757e53da3e026d6cbecc61fe5d43585c9560b302d534ad56692519a273d",
}
SWAGGER = FOLDER / "swagger-ui"
PATIENCE = 60_000


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """`dev` with its demo user and the examples; its first port."""
    port = free_ports(4)
    dev = Running("dev", "--port", str(port), "--data-dir", tmp_path_factory.mktemp("dev") / "data")
    try:
        dev.wait_for("curl", seconds=180)
        yield port
    finally:
        assert dev.end(signal.SIGINT) == 0, dev.printed


async def answer_for_the_cdn(route: Route) -> None:
    """Stands in for the network that FastAPI's own page loads Swagger UI from: the very same files."""
    name = route.request.url.rpartition("/")[2]
    kept = SWAGGER / name
    await (route.fulfill(path=kept) if kept.is_file() else route.fulfill(status=204))


async def authorize(page: Page, scheme: str) -> None:
    """Fill in the password form of a scheme, as a person would."""
    await page.locator("button.authorize.unlocked").first.click()
    form = page.locator(".auth-container", has_text="password").filter(has_text=scheme)
    await form.get_by_label("username:").fill(EMAIL)
    await form.get_by_label("password:", exact=True).fill(PASSWORD)
    await form.get_by_role("button", name="Apply given OAuth2 credentials").click()
    await form.get_by_role("button", name="Remove authorization").wait_for()


async def try_out(page: Page, operation: str) -> str:
    """Open a route, execute it, and return what it answered: status and body."""
    block = page.locator(f".opblock:has([data-path='{operation}'])").first
    async with asyncio.timeout(PATIENCE / 1000):
        # What is far down is drawn once a reader comes near it.
        while not await block.count():
            await page.mouse.wheel(0, 600)
            await asyncio.sleep(0.05)
    await block.locator(".opblock-summary-control").click()
    await block.get_by_role("button", name="Try it out").click()
    await block.get_by_role("button", name="Execute").click()
    answer = block.locator(".live-responses-table tbody tr").first
    await answer.wait_for()
    return await answer.inner_text()


async def opened(browser: Readers, address: str, title: str) -> Reader:
    reader = await browser.open()
    reader.page.set_default_timeout(PATIENCE)
    await reader.context.route("**://cdn.jsdelivr.net/**", answer_for_the_cdn)
    await reader.context.route("**://fastapi.tiangolo.com/**", answer_for_the_cdn)
    await reader.page.goto(address)
    await expect(reader.page.locator(".title").first).to_contain_text(title, timeout=PATIENCE)
    return reader


@pytest.mark.attack("WEB-01")
async def test_a_person_authorizes_on_our_own_docs_and_calls_a_protected_route(
    browser: Readers, instance: int, tmp_path: Path
):
    own = f"http://localhost:{instance}"
    reader = await opened(browser, f"{own}/docs", "Authentication service")
    await authorize(reader.page, "password")
    shots = Path(os.environ.get("SCREENSHOTS", tmp_path))
    await reader.page.screenshot(path=shots / "swagger-authorize.png")
    await reader.page.locator(".modal-ux").get_by_role("button", name="Close", exact=True).last.click()
    answer = await try_out(reader.page, "/auth/me")
    await reader.page.screenshot(path=shots / "swagger-answer.png")
    assert answer.startswith("200")
    assert EMAIL in answer
    assert [words for words in reader.complaints if not words.startswith("verbose")] == []
    assert [url for url in reader.asked if not url.startswith((f"{own}/", "data:"))] == []


async def test_a_person_authorizes_on_the_docs_of_orders_api_and_calls_it(
    browser: Readers, instance: int, tmp_path: Path
):
    reader = await opened(browser, f"http://localhost:{instance + 1}/docs", "orders-api")
    await authorize(reader.page, "OAuth2PasswordBearer")
    shots = Path(os.environ.get("SCREENSHOTS", tmp_path))
    await reader.page.screenshot(path=shots / "swagger-orders.png")
    await reader.page.locator(".modal-ux").get_by_role("button", name="Close", exact=True).last.click()
    answer = await try_out(reader.page, "/orders")
    assert answer.startswith("200")
    assert EMAIL in answer


@pytest.mark.parametrize("name", PINNED)
def test_swagger_ui_is_the_file_that_was_looked_at(name):
    assert hashlib.sha256((SWAGGER / name).read_bytes()).hexdigest() == PINNED[name]
    assert (SWAGGER / "LICENSE").is_file()
    assert (SWAGGER / "NOTICE").is_file()
