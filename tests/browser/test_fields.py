"""What a script adds to fields: words about a password, Caps Lock, and how long to wait for another mail."""

from datetime import timedelta

import pytest

from app.hosted.begin import SignInRequirements
from app.wiring import Services
from tests.browser.conftest import Readers
from tests.browser.gallery import ROSA, Walk

pytestmark = pytest.mark.anyio


async def nothing(_: str) -> None:
    """Looks at no page."""


async def test_fields_say_how_long_a_password_is_that_caps_lock_is_on_and_when_another_mail_comes(
    browser: Readers, site: str, services: Services
):
    reader = await browser.open()
    page = reader.page
    await page.goto(f"{site}/signup")
    meter = page.locator("[data-meter=password]")
    assert not await meter.is_visible()
    await page.fill("#password", "kä🔑")
    least = services.passwords.min_length
    assert await meter.locator("[aria-hidden]").inner_text() == f"3 of at least {least} characters"
    # Read out once the typing pauses, and not before.
    said = meter.locator("[role=status]")
    await page.wait_for_selector("[data-meter] [role=status]:not(:empty)", state="attached")
    assert await said.text_content() == f"3 of at least {least} characters"
    await page.fill("#password", "x" * least)
    assert "Long enough" in await meter.locator("[aria-hidden]").inner_text()
    await page.fill("#password", "x" * (least + 8))
    assert await meter.locator("[aria-hidden]").inner_text() == "A good length."
    caps = page.locator("[data-caps=password]")
    event = "new KeyboardEvent('keydown', {modifierCapsLock: on})"
    press = f"(on) => document.getElementById('password').dispatchEvent({event})"
    await page.evaluate(press, True)
    assert await caps.inner_text() == "Caps Lock is on."
    await page.evaluate(press, False)
    assert await caps.inner_text() == ""

    walk = Walk(page, site, services, nothing)
    await walk.begin(SignInRequirements())
    await page.fill("#email", ROSA)
    await walk.press()
    await page.locator("form:has(input[value=mail]) button").click()
    again = page.locator("[data-wait]")
    await again.wait_for()
    assert await again.get_attribute("aria-disabled") == "true"
    assert (await again.inner_text()).startswith("Mail me another code (")
    before = page.url
    await again.click(force=True)
    assert page.url == before
    # Half a minute later the server asks for no wait; a page that stays open counts down by itself.
    services.clock.offset += timedelta(seconds=31)
    await page.reload()
    assert await page.locator("[data-wait]").count() == 0
    assert [words for words in reader.complaints if "autocomplete" not in words] == []


async def test_without_a_script_fields_say_nothing_and_another_mail_is_asked_for_at_once(
    browser: Readers, site: str, services: Services
):
    reader = await browser.open(javascript=False)
    page = reader.page
    await page.goto(f"{site}/signup")
    assert not await page.locator("[data-meter]").is_visible()
    walk = Walk(page, site, services, nothing)
    await walk.begin(SignInRequirements())
    await page.fill("#email", ROSA)
    await walk.press()
    for _ in range(2):
        async with page.expect_navigation(wait_until="load"):
            await page.locator("form:has(input[value=mail]) button").click()
        assert await page.inner_text("h1") == "Check your mail"
