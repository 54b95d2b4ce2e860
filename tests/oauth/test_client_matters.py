"""What surrounds clients: consents taken back, pictures, keys at an address, and where a sign-in begins."""

import asyncio
import base64
import json
from typing import Any

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from app.audiences.definition import AudienceDefinition
from app.audit.event import SYSTEM
from app.clients.logos import LogoUnavailable
from app.clients.service import NewCredentials
from app.foundation.engines.lock import Engines
from app.protocols.oauth.client_assertion import ASSERTION_TYPE
from app.protocols.oauth.registration import AuthMethod
from app.settings import Settings
from app.wiring import Services
from app.worker import Worker
from tests.conftest import settings_for
from tests.mailbox import working
from tests.oauth.conftest import ORIGIN, MakeClient
from tests.oauth.people_at_browsers import CALLBACK, VERIFIER, Browser, members, redeemed, refreshed
from tests.support import ISSUER, Events, problem
from tests.webhooks.receiver import Receiver, answer, hang

pytestmark = pytest.mark.anyio

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
KEY = ECKey.generate_key("P-256", parameters={"kid": "k1"})


@pytest.fixture
def settings(database_url: str, engines: Engines) -> Settings:
    return settings_for(database_url, engines, http={"allow_private": ["127.0.0.0/8"]})


@pytest.fixture
async def browser(browser: Browser) -> Browser:
    """Petra has signed in."""
    await browser.sign_in()
    return browser


async def test_consent_says_whose_the_app_is_where_an_operator_has_checked_it(
    browser: Browser, make_client: MakeClient
):
    unknown = await app_of(make_client, client_uri="https://parcel-lens.example.com/about")
    page = await browser.get((await browser.go(unknown.client_id)).headers["location"])
    assert "<b><bdi>client.example.com</bdi></b> Nobody here has checked whose app this is." in page.text
    assert ">parcel-lens.example.com</bdi></a>" in page.text
    assert "Verified" not in page.text
    known = await app_of(make_client, verified_publisher="Parcel <Lens> Ltd")
    page = await browser.get((await browser.go(known.client_id)).headers["location"])
    assert "by <bdi>Parcel &lt;Lens&gt; Ltd</bdi>" in page.text
    assert "Verified" in page.text
    assert "Nobody here has checked" not in page.text


async def app_of(make_client: MakeClient, **stated: Any) -> NewCredentials:
    return await make_client(
        **{
            "name": "Parcel Lens",
            "grant_types": ("authorization_code", "refresh_token"),
            "redirect_uris": (CALLBACK,),
            "auth_method": AuthMethod.NONE,
            "targets": {"orders-api": ("orders:read",)},
            **stated,
        }
    )


async def tokens_of(browser: Browser, made: NewCredentials, **changed: str) -> dict[str, Any]:
    """What a client gets for the person at this browser, who allows what is asked."""
    answered = await browser.go(made.client_id, **changed)
    if answered.headers["location"].startswith("/oauth/consent"):
        answered = await browser.answer_question(await browser.get(answered.headers["location"]))
    return await redeemed(browser, made, answered)


async def taken_back(browser: Browser, client_id: str) -> httpx2.Response:
    token = (await browser.http.get("/auth/csrf")).json()["csrf_token"]
    headers = {"Origin": ISSUER, "X-CSRF-Token": token}
    return await browser.http.delete(f"/auth/me/consents/{client_id}", headers=headers)


@pytest.mark.attack("REF-04")
@pytest.mark.attack("AUD-01")
async def test_a_consent_that_is_taken_back_ends_what_hung_from_it_and_nothing_else(
    browser: Browser, make_client: MakeClient, services: Services, events: Events
):
    made, other = await app_of(make_client), await app_of(make_client, name="Other")
    tokens, others = await tokens_of(browser, made), await tokens_of(browser, other)
    offline = await tokens_of(browser, made, scope="openid offline_access", prompt="consent")
    listed = (await browser.http.get("/auth/me/consents")).json()["items"]
    assert [(each["client_id"], each["client_name"]) for each in listed] == [
        (made.client_id, "Parcel Lens"),
        (other.client_id, "Other"),
    ]
    assert "openid" in listed[0]["scopes"]

    unspent = members(await browser.go(made.client_id))["code"]
    assert (await taken_back(browser, made.client_id)).status_code == 204
    for held in (tokens, offline):
        refused = await refreshed(browser, made, held)
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    form = {"grant_type": "authorization_code", "code": unspent, "redirect_uri": CALLBACK}
    spent = await browser.http.post(
        "/oauth/token", data={**form, "code_verifier": VERIFIER, "client_id": made.client_id}
    )
    assert (spent.status_code, spent.json()["error"]) == (400, "invalid_grant")
    async with httpx2.AsyncClient(transport=browser.http._transport, base_url=ISSUER) as bare:
        bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
        assert (await bare.get("/auth/validate", headers=bearer)).status_code == 401
    assert (await refreshed(browser, other, others)).status_code == 200
    assert (await browser.http.get("/auth/me")).status_code == 200
    (entry,) = await events.of("consent.withdrawn")
    assert entry["details"] == {"client_id": made.client_id, "grants_ended": 2}
    assert entry["actor_id"] == entry["subject"]
    # It has to ask again, and what was never allowed cannot be taken back.
    assert (await browser.go(made.client_id)).headers["location"].startswith("/oauth/consent")
    for nothing in (made.client_id, "first-party", "c_unknown"):
        problem(await taken_back(browser, nothing), 404, "consent_not_found")


async def test_what_was_allowed_at_one_audience_is_asked_again_at_another(
    browser: Browser, make_client: MakeClient, services: Services
):
    for name in ("notes-api", "mails-api"):
        definition = AudienceDefinition(name=name, scopes={"read": None})
        await services.audience_registration.create(definition, actor=SYSTEM, origin=ORIGIN)
    made = await app_of(make_client, targets={"notes-api": ("read",), "mails-api": ("read",)})
    await tokens_of(browser, made, scope="openid read", audience="notes-api")
    again = await browser.go(made.client_id, scope="openid read", audience="notes-api")
    assert "code" in members(again)
    elsewhere = await browser.go(made.client_id, scope="openid read", audience="mails-api")
    assert elsewhere.headers["location"].startswith("/oauth/consent")
    (listed,) = (await browser.http.get("/auth/me/consents")).json()["items"]
    assert (listed["scopes"], listed["audiences"]) == (["openid"], {"notes-api": ["read"]})


@pytest.mark.attack("REF-04")
async def test_a_deleted_client_refreshes_nothing(browser: Browser, make_client: MakeClient, services: Services):
    made = await app_of(make_client, consent_required=False)
    tokens = await tokens_of(browser, made)
    async with services.db.transaction() as tx:
        await services.clients.delete(tx, made.client_id, actor=SYSTEM, origin=ORIGIN)
    refused = await refreshed(browser, made, tokens)
    assert refused.status_code in {400, 401}
    assert refused.json()["error"] in {"invalid_client", "invalid_grant"}
    assert (await browser.http.get("/auth/me/consents")).json() == {"items": []}


@pytest.mark.attack("WEB-02")
async def test_a_logo_is_shown_from_here_and_only_as_the_picture_that_its_bytes_are(
    browser: Browser, make_client: MakeClient, receiver: Receiver, services: Services
):
    trap = receiver.url("/good")
    receiver.answers = {
        "/good": answer("200 OK", PNG, "Content-Type: image/png"),
        "/svg": answer("200 OK", SVG, "Content-Type: image/svg+xml"),
        "/svg-as-png": answer("200 OK", SVG, "Content-Type: image/png"),
        "/html-as-png": answer("200 OK", b"<script>alert(1)</script>", "Content-Type: image/png"),
        "/huge": answer("200 OK", PNG + b"x" * 70_000, "Content-Type: image/png"),
        "/moved": answer("302 Found", b"", f"Location: {trap}"),
        "/broken": answer("500 Internal Server Error"),
    }
    made = {
        path: await app_of(make_client, name=path.strip("/"), logo_uri=receiver.url(path)) for path in receiver.answers
    }
    assert await services.registry.logos.refresh(made["/good"].client_id)
    for path in ("/svg", "/svg-as-png", "/html-as-png", "/huge", "/moved"):
        assert not await services.registry.logos.refresh(made[path].client_id), path
        assert (await services.oauth.directory.read(made[path].client_id)).logo_path is None
        assert (await browser.http.get(f"/oauth/logos/{made[path].client_id}")).status_code == 404
    with pytest.raises(LogoUnavailable):
        await services.registry.logos.refresh(made["/broken"].client_id)
    known = await services.oauth.directory.read(made["/good"].client_id)
    shown = await browser.http.get(known.logo_path)
    assert (shown.status_code, shown.content) == (200, PNG)
    assert shown.headers["content-type"] == "image/png"
    assert shown.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in shown.headers["content-security-policy"]
    # Fetched once: a page that is looked at calls nobody.
    assert await services.registry.logos.refresh(made["/good"].client_id)
    assert len(receiver.sent_to("/good")) == 1
    page = await browser.get((await browser.go(made["/good"].client_id)).headers["location"])
    assert receiver.url("/good") not in page.text


async def test_the_worker_fetches_the_logo_of_a_client_that_is_registered(
    make_client: MakeClient, receiver: Receiver, services: Services
):
    receiver.answers = {"/good": answer("200 OK", PNG, "Content-Type: image/png")}
    async with working(Worker(services)):
        made = await app_of(make_client, logo_uri=receiver.url("/good"))
        await _until_shown(services, made.client_id)


async def _until_shown(services: Services, client_id: str) -> None:
    async with asyncio.timeout(60):
        while (await services.oauth.directory.read(client_id)).logo_path is None:
            await asyncio.sleep(0.1)


async def test_keys_of_a_client_are_read_from_its_address_through_the_guarded_sender(
    browser: Browser, make_client: MakeClient, receiver: Receiver, services: Services
):
    body = b'{"keys": [' + jwks_member() + b"]}"
    trap = receiver.url("/keys")
    receiver.answers = {
        "/keys": answer("200 OK", body, "Content-Type: application/json"),
        "/moved": answer("302 Found", b"", f"Location: {trap}"),
        "/huge": answer("200 OK", body + b" " * 70_000),
        "/hangs": hang,
        "/broken": answer("500 Internal Server Error"),
    }

    async def asked(path: str) -> httpx2.Response:
        made = await make_client(auth_method=AuthMethod.PRIVATE_KEY_JWT, jwks_uri=receiver.url(path))
        now = int(services.clock.now().timestamp())
        claims = {
            "iss": made.client_id,
            "sub": made.client_id,
            "aud": f"{ISSUER}/oauth/token",
            "iat": now,
            "exp": now + 60,
            "jti": path,
        }
        signed = jwt.encode({"alg": "ES256", "kid": "k1"}, claims, KEY, algorithms=["ES256"])
        form = {"grant_type": "client_credentials", "client_assertion": signed}
        return await browser.http.post("/oauth/token", data={**form, "client_assertion_type": ASSERTION_TYPE})

    answered = await asked("/keys")
    assert answered.status_code == 200, answered.text
    fetched = len(receiver.sent_to("/keys"))
    for path in ("/moved", "/huge", "/hangs", "/broken"):
        answered = await asked(path)
        assert (answered.status_code, answered.json()["error"]) == (401, "invalid_client"), path
    # The redirect was followed by nobody.
    assert len(receiver.sent_to("/keys")) == fetched == 1


def jwks_member() -> bytes:
    return json.dumps(KEY.as_dict(private=False)).encode()


async def test_what_this_service_is_as_a_resource_is_published_and_named_by_challenges(api: httpx2.AsyncClient):
    address = f"{ISSUER}/.well-known/oauth-protected-resource"
    answered = await api.get("/.well-known/oauth-protected-resource")
    document = answered.json()
    assert (document["resource"], document["authorization_servers"]) == (ISSUER, [ISSUER])
    assert document["jwks_uri"] == f"{ISSUER}/.well-known/jwks.json"
    assert "admin:users:read" in document["scopes_supported"]
    bare = await api.get("/auth/me")
    assert bare.headers["www-authenticate"] == f'Bearer resource_metadata="{address}"'
    bad = await api.get("/auth/me", headers={"Authorization": "Bearer nonsense"})
    assert bad.headers["www-authenticate"].startswith('Bearer error="invalid_token", ')
    assert bad.headers["www-authenticate"].endswith(f', resource_metadata="{address}"')


async def test_a_link_of_anybodys_begins_a_sign_in_where_the_client_says(
    api: httpx2.AsyncClient, make_client: MakeClient
):
    made = await app_of(make_client, initiate_login_uri="https://client.example.com/start")
    asked = {"login_hint": "petra@example.com", "iss": "https://evil.example"}
    answered = await api.get(f"/oauth/initiate/{made.client_id}", params=asked)
    assert answered.status_code == 303
    expected = httpx2.QueryParams({"iss": ISSUER, "login_hint": "petra@example.com"})
    assert answered.headers["location"] == f"https://client.example.com/start?{expected}"
    without = await app_of(make_client, name="Without")
    for client_id in (without.client_id, "c_unknown"):
        assert (await api.get(f"/oauth/initiate/{client_id}")).status_code == 404
