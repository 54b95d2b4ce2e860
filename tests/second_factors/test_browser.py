"""A passkey of a real browser: enrolled, and then signed in by."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page, async_playwright

from tests.cli.running import Running, free_ports
from tests.support import claims_of
from tests.system import program

pytestmark = pytest.mark.anyio

_log = logging.getLogger(__name__)

FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)
SEND = """
const send = async (path, body, access) => {
  const headers = {"Content-Type": "application/json", ...(access ? {Authorization: `Bearer ${access}`} : {})};
  const answer = await fetch(path, {method: "POST", headers, body: body && JSON.stringify(body)});
  return {status: answer.status, body: await answer.json()};
};
"""
ENROL = (
    "async ([who]) => {"
    + SEND
    + """
  await send("/auth/signup", who);
  const access = (await send("/auth/login", who)).body.access_token;
  const made = await send("/auth/mfa/passkeys", undefined, access);
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(made.body.publicKey);
  const credential = await navigator.credentials.create({publicKey});
  return await send("/auth/mfa/passkeys/confirm", {credential: credential.toJSON(), name: "Chromium"}, access);
}"""
)
SIGN_IN = (
    "async ([]) => {"
    + SEND
    + """
  const asked = await send("/auth/passkeys/options");
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(asked.body.publicKey);
  const assertion = await navigator.credentials.get({publicKey});
  return await send("/auth/passkeys/verify", {assertion: assertion.toJSON()});
}"""
)
SECOND = (
    "async ([who]) => {"
    + SEND
    + """
  const token = (await send("/auth/login", who)).body.mfa_token;
  const asked = await send("/auth/mfa/challenge", {mfa_token: token, factor: "passkey"});
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(asked.body.publicKey);
  const assertion = await navigator.credentials.get({publicKey});
  return await send("/auth/mfa/verify", {mfa_token: token, factor: "passkey", assertion: assertion.toJSON()});
}"""
)
WHO = {"email": "chris@example.com", "password": "seven green bottles"}


@pytest.fixture
async def page(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Page]:
    """A page of our origin, in a browser with an authenticator of its own."""
    chromium = program("chromium")
    data_dir = tmp_path_factory.mktemp("browser") / "data"
    port = free_ports(1)
    running = await asyncio.to_thread(
        Running, "dev", "--data-dir", data_dir, "--port", str(port), "--no-examples", "--no-demo"
    )
    try:
        await asyncio.to_thread(running.wait_for, "ready:")
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=chromium, args=[*FLAGS])
            context = await browser.new_context(bypass_csp=True)
            page = await context.new_page()
            await page.goto(f"http://localhost:{port}/health/live")
            session = await page.context.new_cdp_session(page)
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
            yield page
            await browser.close()
    finally:
        await asyncio.to_thread(running.end)


async def test_a_passkey_of_a_browser_is_enrolled_and_signs_in(page: Page) -> None:
    enrolled = await page.evaluate(ENROL, [WHO])
    _log.info(json.dumps({"enrolled": {**enrolled["body"], "recovery_codes": "…"}}))
    assert enrolled["status"] == 201, enrolled
    signed_in = await page.evaluate(SIGN_IN, [])
    assert signed_in["status"] == 200, signed_in
    claims = _claims(signed_in["body"]["access_token"])
    _log.info(json.dumps({"signed in": claims}))
    assert claims["acr"] == "phr"
    second = await page.evaluate(SECOND, [WHO])
    assert second["status"] == 200, second
    claims = _claims(second["body"]["access_token"])
    _log.info(json.dumps({"as second factor": claims}))
    assert claims["acr"] == "phr"
    assert claims["amr"][0] == "pwd"


def _claims(raw_token: str) -> dict[str, object]:
    told = claims_of(raw_token)
    return {name: told[name] for name in ("aud", "amr", "acr", "auth_time")}
