"""What the OpenID conformance suite asks for with small variations of one good request: see docs/conformance.md."""

import httpx2
import pytest

from app.clients.service import NewCredentials
from tests.oauth.conftest import MakeClient
from tests.oauth.people_at_browsers import AUTHORIZE, CALLBACK, VERIFIER, Browser, asked, error_of, members
from tests.support import ISSUER, bearer, claims_of

pytestmark = pytest.mark.anyio

GOOD: dict[str, dict[str, str | None]] = {
    "oidcc-server": {"nonce": "n-1"},
    "oidcc-ensure-request-without-nonce-succeeds-for-code-flow": {},
    "oidcc-ensure-other-scope-order-succeeds": {"scope": "email profile openid"},
    "oidcc-display-page": {"display": "page"},
    "oidcc-display-popup": {"display": "popup"},
    "oidcc-ensure-request-with-unknown-parameter-succeeds": {"extra": "foobar"},
    "oidcc-login-hint": {"login_hint": "petra@example.com"},
    "oidcc-ui-locales": {"ui_locales": "se de"},
    "oidcc-claims-locales": {"claims_locales": "se"},
    "oidcc-ensure-request-with-acr-values-succeeds": {"acr_values": "aal1"},
    "oidcc-max-age-10000": {"max_age": "10000"},
    "oidcc-claims-essential": {"claims": '{"userinfo":{"name":{"essential":true}}}'},
}


@pytest.fixture
async def client(make_client: MakeClient) -> NewCredentials:
    return await make_client(
        name="Suite",
        grant_types=("authorization_code", "refresh_token"),
        redirect_uris=(CALLBACK,),
        consent_required=False,
        targets={},
    )


async def test_small_variations_of_a_good_request_succeed(
    browser: Browser, client: NewCredentials, api: httpx2.AsyncClient
) -> None:
    await browser.sign_in()
    subjects = set()
    for module, changed in GOOD.items():
        tokens = await redeemed(api, client, members(await browser.go(client.client_id, **changed))["code"])
        identity = claims_of(tokens["id_token"])
        assert identity.get("nonce") == changed.get("nonce"), module
        told = (await api.get("/oauth/userinfo", headers=bearer(tokens))).json()
        assert told["sub"] == identity["sub"], module
        subjects.add(told["sub"])
        if "email" in changed.get("scope", ""):
            assert told["email"] == "petra@example.com", module
    assert len(subjects) == 1
    # The hint of the last sign-in, without a question: oidcc-id-token-hint, oidcc-prompt-none-logged-in.
    again = await browser.go(client.client_id, prompt="none", id_token_hint=tokens["id_token"])
    assert claims_of((await redeemed(api, client, members(again)["code"]))["id_token"])["sub"] == identity["sub"]


async def test_a_request_by_post_is_as_good(browser: Browser, client: NewCredentials, api: httpx2.AsyncClient) -> None:
    await browser.sign_in()
    answer = await browser.http.post(AUTHORIZE, data=asked(client.client_id), headers={"Origin": ISSUER})
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(f"{AUTHORIZE}?")
    answer = await browser.get(answer.headers["location"])
    assert (await redeemed(api, client, members(answer)["code"]))["id_token"]


async def test_requests_that_lack_something_or_say_it_by_an_object_are_refused(
    browser: Browser, client: NewCredentials
) -> None:
    await browser.sign_in()
    assert error_of(await browser.go(client.client_id, response_type=None)) == "invalid_request"
    assert error_of(await browser.go(client.client_id, request="e30.e30.")) == "request_not_supported"
    by_address = await browser.go(client.client_id, request_uri="https://client.example.com/request")
    assert error_of(by_address) == "request_uri_not_supported"
    elsewhere = await browser.go(client.client_id, redirect_uri=f"{CALLBACK}/other")
    assert (elsewhere.status_code, "location" in elsewhere.headers) == (400, False)


async def redeemed(api: httpx2.AsyncClient, client: NewCredentials, code: str) -> dict[str, str]:
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
    answer = await api.post("/oauth/token", data=form, auth=(client.client_id, client.raw_secret or ""))
    assert answer.status_code == 200, answer.text
    tokens: dict[str, str] = answer.json()
    return tokens
