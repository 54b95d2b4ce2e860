"""The pages by which people sign in, in a real browser: readable by everyone, and with passkeys."""

from datetime import timedelta

import pytest
from playwright.async_api import Page, Route

from app.hosted.begin import SignInRequirements
from app.protocols.assurance import ACR
from app.wiring import Services
from tests.browser.conftest import Reader, Readers
from tests.browser.gallery import APP, ROSA, Walk
from tests.support import PASSWORD

pytestmark = pytest.mark.anyio

# A page that answers with a refusal says so in the console; nothing else may be said there.
REFUSED = "Failed to load resource: the server responded with a status of 4"
VIEWS = {"light": (1280, "light", 100), "large": (1280, "dark", 200), "narrow": (320, "dark", 100)}


async def sized(page: Page, view: str) -> None:
    """Show a page in a width, a scheme, and a size of text in per cent."""
    width, scheme, text = VIEWS[view]
    await page.set_viewport_size({"width": width, "height": 760})
    await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    await page.evaluate(f"document.documentElement.style.fontSize = '{text}%'")


@pytest.mark.attack("WEB-01")
async def test_every_page_is_accessible_and_quiet_in_both_schemes_at_320_pixels_and_at_200_per_cent(
    browser: Readers, site: str, services: Services
):
    reader = await browser.open()
    found: dict[str, list[str]] = {}

    async def seen(name: str) -> None:
        for view in VIEWS:
            await sized(reader.page, view)
            found[f"{name} {view}"] = await reader.violations()
        await sized(reader.page, "light")

    await Walk(reader.page, site, services, seen)()
    assert {name: faults for name, faults in found.items() if faults} == {}
    assert [words for words in reader.complaints if REFUSED not in words] == []
    assert [url for url in reader.asked if not url.startswith((f"{site}/", "data:image/svg+xml"))] == []


async def test_right_to_left_every_page_is_accessible_and_does_not_scroll_sideways(
    browser: Readers, site: str, services: Services
):
    reader = await browser.open(locale="ar", size="phone")
    found: dict[str, list[str]] = {}

    async def seen(name: str) -> None:
        assert await reader.page.get_attribute("html", "dir") == "rtl", name
        found[name] = await reader.violations()

    await Walk(reader.page, site, services, seen)()
    assert {name: faults for name, faults in found.items() if faults} == {}


async def nothing(_: str) -> None:
    """Looks at no page."""


async def with_an_authenticator(reader: Reader) -> None:
    session = await reader.context.new_cdp_session(reader.page)
    await session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    await session.send("WebAuthn.addVirtualAuthenticator", {"options": options})


async def test_a_passkey_is_made_on_the_way_and_then_offered_in_the_address_field(
    browser: Readers, site: str, services: Services
):
    reader = await browser.open()
    page = reader.page
    await with_an_authenticator(reader)
    walk = Walk(page, site, services, nothing)
    await page.goto(f"{site}/signup")
    await page.fill("#email", ROSA)
    await page.fill("#password", PASSWORD)
    await walk.press(to=f"{site}/")
    # The session is there and too weak: whoever has no second factor signs in once more and makes one.
    await walk.begin(SignInRequirements(acr=ACR.PHR))
    await page.fill("#password", PASSWORD)
    await walk.press()
    await page.locator("form:has(input[value=passkey]) button").click()
    await page.wait_for_selector("form[data-passkey=create] button:visible")
    await page.locator("form[data-passkey=create] button").click()
    await page.wait_for_selector(".codes")
    await page.context.clear_cookies()
    await page.goto(f"{site}/login")
    # Nothing is pressed: the browser offers the passkey in the field, and the authenticator takes the offer.
    await page.wait_for_url(f"{site}/")
    answer = await page.context.request.get(f"{site}/auth/me")
    assert (await answer.json())["email"] == ROSA
    services.clock.offset += timedelta(seconds=60)
    await walk.begin(SignInRequirements(signed_in_after=services.clock.now()))
    assert await page.inner_text("h1") == "Confirm that it is you"
    await page.locator("form[data-passkey] button").click()
    await page.wait_for_url(f"{site}/resume")
    assert [words for words in reader.complaints if REFUSED not in words] == []


@pytest.mark.attack("AUT-25")
async def test_an_outside_link_gets_no_referrer_and_a_typed_password_is_shown_by_a_button(
    browser: Readers, site: str, services: Services
):
    reader = await browser.open()
    page = reader.page
    walk = Walk(page, site, services, nothing)
    await walk.begin(SignInRequirements(client=APP))
    came: list[dict[str, str]] = []

    async def outside(route: Route) -> None:
        came.append(await route.request.all_headers())
        await route.fulfill(body="elsewhere")

    await reader.context.route("https://parcel-lens.example.com/**", outside)
    await page.get_by_role("link", name="Privacy at Parcel Lens").click()
    await page.wait_for_url("https://parcel-lens.example.com/privacy")
    assert [name for headers in came for name in headers if name.lower() == "referer"] == []
    assert len(came) == 1
    await page.goto(f"{site}/signup")
    await page.fill("#password", PASSWORD)
    button = page.locator("button[aria-controls=password]")
    assert await button.get_attribute("aria-pressed") == "false"
    await button.click()
    assert await page.get_attribute("#password", "type") == "text"
    assert await page.input_value("#password") == PASSWORD
    await button.click()
    assert await page.get_attribute("#password", "type") == "password"
