"""Swagger UI of a service that trusts an issuer: a person signs in there by code and PKCE, and calls a route."""

import os
import re
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Annotated

import httpx2
import pytest
from fastapi import Depends, FastAPI
from playwright.async_api import expect

from app.audit.event import SYSTEM
from app.clients.rules import ClientDefinition
from app.foundation.origin import Origin
from app.protocols.oauth.registration import AuthMethod
from app.wiring import Services
from auth_service_sdk import Identity, JWTAuthMiddleware, OIDCIssuer, require_user
from auth_service_sdk.swagger import SwaggerLogin
from tests.browser.conftest import Readers, served
from tests.browser.test_swagger import opened, try_out
from tests.support import PASSWORD, People

pytestmark = pytest.mark.anyio

QUENTIN = "quentin@example.com"


@pytest.fixture
def own_listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as bound:
        yield bound


@pytest.fixture
async def docs(site: str, services: Services, own_listener: socket.socket) -> AsyncIterator[str]:
    """The docs page of a service that knows the issuer by its metadata alone."""
    own = f"http://localhost:{own_listener.getsockname()[1]}"
    definition = ClientDefinition(
        name="The docs of parcels",
        grant_types=("authorization_code",),
        redirect_uris=(f"{own}/docs/oauth2-redirect",),
        auth_method=AuthMethod.NONE,
        targets={"orders-api": ("orders:read",)},
        consent_required=False,
    )
    async with services.db.transaction() as tx:
        origin = Origin(ip=None, user_agent=None, trace_id="0" * 32)
        made = await services.clients.create(tx, definition, actor=SYSTEM, origin=origin)
    issuer = OIDCIssuer(site, audience="orders-api")
    login = SwaggerLogin(
        issuer,
        client_id=made.client_id,
        scopes=["openid", "orders:read"],
        authorization_url=f"{site}/oauth/authorize",
        token_url=f"{site}/oauth/token",
    )
    app = FastAPI(title="parcels", dependencies=[Depends(login)], swagger_ui_init_oauth=login.init_oauth)

    @app.get("/parcels")
    async def parcels(user: Annotated[Identity, Depends(require_user)]) -> dict[str, object]:
        return {"of": user.client_id, "scopes": user.scopes}

    public = ["/docs", "/docs/oauth2-redirect", "/openapi.json"]
    app.add_middleware(JWTAuthMiddleware, issuer=issuer, public_paths=public)
    async with served(app, own_listener):
        yield f"{own}/docs"


async def test_a_person_signs_in_at_the_issuer_from_the_docs_of_a_service_and_calls_it(
    browser: Readers, site: str, docs: str, tmp_path: Path
):
    async with httpx2.AsyncClient(base_url=site) as client:
        await People(client).sign_up(QUENTIN)
    reader = await opened(browser, docs, "parcels")
    page = reader.page
    await page.locator("button.authorize.unlocked").first.click()
    form = page.locator(".auth-container", has_text="authorizationCode")
    await expect(form).to_contain_text("PKCE")
    async with page.expect_popup() as opening:
        await form.get_by_role("button", name="Apply given OAuth2 credentials").click()
    popup = await opening.value
    await popup.get_by_role("textbox").first.fill(QUENTIN)
    await popup.get_by_role("button", name="Continue").first.click()
    await popup.locator("input[type=password]").fill(PASSWORD)
    async with popup.expect_event("close"):
        await popup.locator("form:has(input[type=password]) button[type=submit]").click()
    await form.get_by_role("button", name="Remove authorization").wait_for()
    shots = Path(os.environ.get("SCREENSHOTS", tmp_path))
    await page.screenshot(path=shots / "swagger-elsewhere.png")
    await page.locator(".modal-ux").get_by_role("button", name="Close", exact=True).last.click()
    answer = await try_out(page, "/parcels")
    assert answer.startswith("200")
    assert re.search(r'"orders:read"', answer)
    asked = [url for url in reader.asked if url.startswith(f"{site}/oauth/token")]
    assert len(asked) == 1
