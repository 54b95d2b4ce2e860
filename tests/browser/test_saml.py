"""Signing in and out at a SAML provider by forms that send themselves, in a real browser under our policy."""

import base64
import html
import re
import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import Route

from app.foundation.engines.lock import Engines
from app.protocols.saml.document import read_document
from app.protocols.saml.redirect import read_query
from app.settings import Settings
from app.wiring import Services
from tests.browser.conftest import Reader, Readers
from tests.conftest import settings_for
from tests.federation.saml.idp import (
    SIGN_IN,
    SIGN_OUT,
    Keys,
    Said,
    assertion,
    encoded,
    logout_response,
    metadata,
    query,
    response,
    sign,
)

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def keys() -> Keys:
    return Keys.rsa()


@pytest.fixture
def settings(database_url: str, engines: Engines, listener: socket.socket, keys: Keys) -> Settings:
    config = {"metadata_xml": metadata(keys).decode(), "trusts_email": True, "binding": "post"}
    corp = {"id": "corp", "name": "Corp", "kind": "saml", "config": config}
    site = f"http://localhost:{listener.getsockname()[1]}"
    return settings_for(database_url, engines, public_url=site, identity_providers={"declared": [corp]})


@pytest.fixture
def provide(site: str, services: Services, keys: Keys) -> Callable[[Reader], Any]:
    """Let the provider answer a reader's browser; what came to it is appended to the list that is returned."""

    async def start(reader: Reader) -> list[tuple[str, str]]:
        came: list[tuple[str, str]] = []

        async def answer(route: Route) -> None:
            request = route.request
            came.append((request.method, request.url.partition("?")[0]))
            if request.url.startswith(SIGN_OUT):
                asked = urlsplit(request.url).query
                state = parse_qs(asked)["RelayState"][0]
                about = said(read_document(read_query(asked, "SAMLRequest").content).get("ID"))
                slo = f"{site}/auth/saml/corp/slo"
                back = query("SAMLResponse", logout_response(about, destination=slo), keys, state)
                await route.fulfill(content_type="text/html", body=f"<script>location.replace('{slo}?{back}')</script>")
                return
            asked_for = read_document(base64_of(request.post_data or "", "SAMLRequest"))
            about = said(asked_for.get("ID"))
            fields = {
                "SAMLResponse": encoded(response(about, sign(assertion(about), keys))),
                "RelayState": parse_qs(request.post_data or "")["RelayState"][0],
            }
            inputs = "".join(f'<input name="{name}" value="{html.escape(value)}">' for name, value in fields.items())
            form = f'<form method="post" action="{site}/auth/saml/corp/acs">{inputs}<button>Go on</button></form>'
            script = "<script>document.forms[0].submit()</script>"
            await route.fulfill(content_type="text/html", body=f"<!doctype html><title>Corp</title>{form}{script}")

        def said(request_id: str | None) -> Said:
            return Said(
                acs_url=f"{site}/auth/saml/corp/acs",
                audience=f"{site}/auth/saml/corp/metadata",
                request_id=request_id,
                now=services.clock.now(),
            )

        await reader.page.route("https://idp.example.org/**", answer)
        return came

    return start


def base64_of(body: str, name: str) -> bytes:
    return base64.b64decode(parse_qs(body)[name][0])


async def test_forms_carry_people_to_their_provider_and_back_and_out_of_both(
    browser: Readers, site: str, provide: Callable[[Reader], Any]
):
    reader = await browser.open()
    page, came = reader.page, await provide(reader)
    await page.goto(f"{site}/login")
    await page.get_by_role("link", name="Sign in with Corp").click()
    await page.wait_for_url(f"{site}/")
    assert came == [("POST", SIGN_IN)]
    assert (await (await page.context.request.get(f"{site}/auth/me")).json())["email"] == "ann@corp.example"
    await page.goto(f"{site}/oauth/logout")
    await page.get_by_role("link", name="Sign out at Corp too").click()
    assert await page.inner_text("h1") == "Sign out?"
    assert await reader.violations() == []
    await page.get_by_role("button", name="Sign out").click()
    await page.get_by_role("heading", name="You are signed out").wait_for()
    assert came[1:] == [("GET", SIGN_OUT)]
    assert re.fullmatch(re.escape(f"{site}/auth/saml/corp/slo") + r"\?.+", page.url)
    assert (await page.context.request.get(f"{site}/auth/me")).status == 401
    # Not one word of a policy that was broken.
    assert [words for words in reader.complaints if "401" not in words] == []


async def test_without_a_script_the_reader_sends_the_form(
    browser: Readers, site: str, provide: Callable[[Reader], Any]
):
    reader = await browser.open(javascript=False)
    page, came = reader.page, await provide(reader)
    await page.goto(f"{site}/auth/saml/corp/login")
    assert await page.inner_text("h1") == "We go on to your provider"
    assert came == []
    await page.get_by_role("button", name="Go on").click()
    await page.get_by_role("button", name="Go on").click()
    await page.wait_for_url(f"{site}/")
    assert came == [("POST", SIGN_IN)]
    assert (await page.context.request.get(f"{site}/auth/me")).status == 200
