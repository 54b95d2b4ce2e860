"""The modules of the conformance suite's Form Post plan, each by a form that a page of ours sends: docs/conformance.md.

What a form brings is used as the suite uses it: its code is redeemed, its ID token read and user info asked for.
"""

import html
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from app.clients.service import NewCredentials
from app.protocols.oauth.registration import AuthMethod
from app.wiring import Services
from tests.hosted.conftest import Sheet, Surfer, read
from tests.oauth.codes.test_conformance import GOOD
from tests.oauth.conftest import MakeClient
from tests.oauth.people_at_browsers import AUTHORIZE, CALLBACK, FROM_OUR_PAGE, VERIFIER, Browser, asked
from tests.support import ISSUER, PASSWORD, bearer, claims_of

pytestmark = [pytest.mark.anyio, pytest.mark.spec("OAuth 2.0 Form Post Response Mode §2")]

PETRA = "petra@example.com"


@pytest.fixture
async def client(make_client: MakeClient) -> NewCredentials:
    return await make_client(**SUITE)


SUITE: dict[str, Any] = {
    "name": "Suite",
    "grant_types": ("authorization_code", "refresh_token"),
    "redirect_uris": (CALLBACK,),
    "consent_required": False,
    "targets": {},
}


def posted(answer: httpx2.Response) -> dict[str, str]:
    """What the form of an answer sends to the client: to its address alone, by POST, and in no address."""
    assert answer.status_code == 200, (answer.status_code, answer.headers, answer.text)
    assert "location" not in answer.headers
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["cache-control"] == "no-store"
    assert "form-action 'self' https://client.example.com;" in answer.headers["content-security-policy"]
    (form,) = [form for form in read(answer).forms if form.attributes["method"] == "post"]
    assert html.unescape(form.action) == CALLBACK
    assert form.fields["iss"] == ISSUER
    assert form.fields["state"] == "af0ifjsldkj"
    return form.fields


def code_in(answer: httpx2.Response) -> str:
    fields = posted(answer)
    assert set(fields) == {"code", "state", "iss"}
    return fields["code"]


def error_in(answer: httpx2.Response) -> str:
    fields = posted(answer)
    assert set(fields) == {"error", "error_description", "state", "iss"}
    return fields["error"]


class Suite:
    """The suite's client, at one person's browser."""

    def __init__(self, browser: Browser, api: httpx2.AsyncClient, made: NewCredentials) -> None:
        self.http = browser.http
        self.api = api
        self.made = made

    async def go(self, **changed: str | None) -> httpx2.Response:
        return await self.http.get(AUTHORIZE, params=self.request(**changed))

    def request(self, **changed: str | None) -> dict[str, str]:
        return asked(self.made.client_id, response_mode="form_post", **changed)

    async def redeem(self, code: str, *, in_body: bool = False, **changed: str) -> httpx2.Response:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
        proof = {"client_id": self.made.client_id, "client_secret": self.made.raw_secret or ""}
        auth = None if in_body else (proof["client_id"], proof["client_secret"])
        return await self.api.post("/oauth/token", data={**form, **(proof if in_body else {}), **changed}, auth=auth)

    async def tokens(self, answer: httpx2.Response, **how: Any) -> dict[str, Any]:
        given = await self.redeem(code_in(answer), **how)
        assert given.status_code == 200, given.text
        tokens: dict[str, Any] = given.json()
        return tokens

    async def person(self, tokens: dict[str, Any], *, by: str = "get") -> dict[str, Any]:
        """User info, asked for in each of the three ways."""
        answer = {
            "get": lambda: self.api.get("/oauth/userinfo", headers=bearer(tokens)),
            "post-header": lambda: self.api.post("/oauth/userinfo", headers=bearer(tokens)),
            "post-body": lambda: self.api.post("/oauth/userinfo", data={"access_token": tokens["access_token"]}),
        }[by]
        told = await answer()
        assert told.status_code == 200, (by, told.text)
        found: dict[str, Any] = told.json()
        return found


@pytest.fixture
def suite(browser: Browser, api: httpx2.AsyncClient, client: NewCredentials) -> Suite:
    return Suite(browser, api, client)


async def test_each_variation_of_a_good_request_is_answered_by_a_form(browser: Browser, suite: Suite) -> None:
    await browser.sign_in()
    scopes = {f"oidcc-scope-{name}": {"scope": f"openid {name}"} for name in ("profile", "email", "address", "phone")}
    whole = {"oidcc-scope-all": {"scope": "openid profile email address phone"}}
    for module, changed in {**GOOD, **scopes, **whole}.items():
        tokens = await suite.tokens(await suite.go(**changed))
        identity = claims_of(tokens["id_token"])
        assert identity["aud"] in (suite.made.client_id, [suite.made.client_id]), module
        assert identity.get("nonce") == changed.get("nonce"), module
        told = await suite.person(tokens)
        assert told["sub"] == identity["sub"], module
        if "email" in (changed.get("scope") or ""):
            assert told["email"] == PETRA, module
    # oidcc-idtoken-signature, oidcc-userinfo-*, and the hint of the last sign-in without a question.
    published = KeySet.import_key_set((await suite.api.get("/.well-known/jwks.json")).json())
    assert jwt.decode(tokens["id_token"], published, algorithms=["RS256"]).claims == identity
    for way in ("get", "post-header", "post-body"):
        assert (await suite.person(tokens, by=way))["sub"] == identity["sub"], way
    for quiet in ({"prompt": "none"}, {"prompt": "none", "id_token_hint": tokens["id_token"]}):
        again = await suite.tokens(await suite.go(**quiet))
        assert claims_of(again["id_token"])["sub"] == identity["sub"]


async def test_a_request_that_comes_by_post_is_answered_by_a_form(browser: Browser, suite: Suite) -> None:
    await browser.sign_in()
    answer = await suite.http.post(AUTHORIZE, data=suite.request(), headers=FROM_OUR_PAGE)
    assert answer.status_code == 303
    assert (await suite.tokens(await browser.get(answer.headers["location"])))["id_token"]


async def test_the_codes_of_forms_count_once_and_refresh(browser: Browser, suite: Suite, services: Services) -> None:
    await browser.sign_in()
    tokens = await suite.tokens(await suite.go(scope="openid offline_access"))
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    renewed = await suite.api.post("/oauth/token", data=form, auth=(suite.made.client_id, suite.made.raw_secret or ""))
    assert claims_of(renewed.json()["id_token"])["sub"] == claims_of(tokens["id_token"])["sub"]
    for later in (timedelta(), timedelta(seconds=30)):
        code = code_in(await suite.go())
        first = (await suite.redeem(code)).json()
        services.clock.offset += later
        second = await suite.redeem(code)
        assert (second.status_code, second.json()["error"]) == (400, "invalid_grant")
        spent = await suite.api.get("/oauth/userinfo", headers=bearer(first))
        assert spent.status_code == 401


async def test_a_client_that_proves_itself_in_the_body_gets_its_code_by_a_form(
    browser: Browser, api: httpx2.AsyncClient, make_client: MakeClient
) -> None:
    await browser.sign_in()
    suite = Suite(browser, api, await make_client(**SUITE, auth_method=AuthMethod.POST))
    assert (await suite.tokens(await suite.go(), in_body=True))["id_token"]


async def test_a_new_sign_in_that_was_asked_for_ends_in_a_form(
    browser: Browser, suite: Suite, services: Services
) -> None:
    petra = Surfer(browser.http)

    async def signed_in_by_pages(**changed: str) -> int:
        page = await petra.open(str(httpx2.URL(AUTHORIZE, params=suite.request(**changed))))
        if any(form.fields.get("step") == "identify" for form in page.forms):
            page = await petra.submit("identify", email=PETRA)
        await petra.submit(_step_of(page), password=PASSWORD)
        assert petra.went_to.startswith(f"{AUTHORIZE}/resume?flow="), petra.went_to
        tokens = await suite.tokens(await petra.client.get(petra.went_to))
        when: int = claims_of(tokens["id_token"])["auth_time"]
        return when

    first = await signed_in_by_pages(login_hint=PETRA)
    services.clock.offset += timedelta(seconds=100)
    live = claims_of((await suite.tokens(await suite.go(max_age="10000")))["id_token"])
    assert live["auth_time"] == first
    for module, changed in (("oidcc-prompt-login", {"prompt": "login"}), ("oidcc-max-age-1", {"max_age": "1"})):
        services.clock.offset += timedelta(seconds=60)
        again = await signed_in_by_pages(**changed)
        assert again > first, module
        first = again


async def test_refusals_are_told_by_a_form_and_to_a_registered_place_alone(browser: Browser, suite: Suite) -> None:
    # oidcc-prompt-none-not-logged-in comes first: nobody is signed in.
    await browser.http.post("/auth/logout")
    browser.http.cookies.clear()
    assert error_in(await suite.go(prompt="none")) == "login_required"
    await browser.sign_in()
    for module, changed, error in (
        ("oidcc-response-type-missing", {"response_type": None}, "invalid_request"),
        ("oidcc-unsigned-request-object", {"request": "e30.e30."}, "request_not_supported"),
        ("oidcc-request-uri-unsigned", {"request_uri": f"{CALLBACK}/request"}, "request_uri_not_supported"),
    ):
        assert error_in(await suite.go(**changed)) == error, module
    # oidcc-ensure-registered-redirect-uri, oidcc-ensure-request-object-with-redirect-uri: no form, and nobody is told.
    for elsewhere in ({"redirect_uri": f"{CALLBACK}/other"}, {"redirect_uri": None, "request": "e30.e30."}):
        answer = await suite.go(**elsewhere)
        assert answer.status_code == 400 or error_in(answer) == "request_not_supported"
        if answer.status_code == 400:
            assert [form for form in read(answer).forms if form.attributes["method"] == "post"] == []


def _step_of(page: Sheet) -> str:
    """The step whose form asks for the password."""
    return next(form.fields["step"] for form in page.forms if form.fields.get("step") in ("password", "again"))
