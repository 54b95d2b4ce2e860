"""Signing in by a SAML provider, by HTTP: the form that comes without cookies, and the request after it."""

import asyncio
import base64
from urllib.parse import parse_qs, urlsplit

import pytest

from app.foundation.origin import Origin
from app.protocols.saml.document import read_document
from app.protocols.saml.names import tag
from app.protocols.saml.redirect import read_query
from tests.brokering.conftest import APP, CHALLENGE, VERIFIER, register
from tests.brokering.saml.conftest import SLO, refused_flows
from tests.federation.saml.idp import assertion, logout_request, logout_response, query, response, sign


async def test_a_response_signs_its_browser_in(browser, events, services):
    answer = await browser.sign_in()
    assert answer.status_code == 303
    me = await browser.who()
    assert me["email"] == "ann@corp.example"
    assert [event["details"]["provider"] for event in await events.of("user.federated_sign_in")] == ["corp"]
    [(outcome, error, failed)] = await refused_flows(services)
    assert (outcome, error, failed) == ("granted", None, [])


async def test_an_app_gets_its_code(browser, services):
    await register(services, APP)
    begun = await browser.start(return_to=APP, code_challenge=CHALLENGE, state="app-state")
    assert begun.status_code == 303
    answer = await browser.arrive(browser.form())
    told = {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}
    assert (answer.headers["location"].partition("?")[0], told["state"]) == (APP, "app-state")
    tokens = await browser.http.post("/auth/oauth/exchange", json={"code": told["code"], "code_verifier": VERIFIER})
    assert tokens.status_code == 200, tokens.text


async def test_a_provider_that_declines_sends_the_person_back_to_the_app(browser, services):
    await register(services, APP)
    await browser.start(return_to=APP, code_challenge=CHALLENGE)
    about = browser.said(status="urn:oasis:names:tc:SAML:2.0:status:RequestDenied")
    answer = await browser.arrive(browser.form_of(response(about)))
    assert parse_qs(urlsplit(answer.headers["location"]).query)["error"] == ["access_denied"]


@pytest.mark.attack("SAM-08")
async def test_a_response_counts_only_in_the_browser_that_asked(browser, browsers):
    """Whoever is made to send somebody else's response is signed in as nobody."""
    await browser.start()
    victim, sent = browsers(), await browser.send(browser.form())
    stolen = await victim.http.get(sent.headers["location"])
    assert stolen.status_code == 400
    assert await victim.who() is None
    # And it is spent: nobody brings it home afterwards.
    assert (await browser.http.get(sent.headers["location"])).status_code == 400
    assert await browser.who() is None


@pytest.mark.attack("SAM-08")
@pytest.mark.parametrize("relay_state", ["0123456789abcdefghijkl", "https://evil.example/", None])
async def test_a_response_to_no_request_of_ours_is_refused_and_explained(browser, services, relay_state):
    await browser.start()
    form = browser.form()
    browser.relay_state = relay_state
    answer = await browser.arrive(browser.form_of(_decoded(form)))
    assert answer.status_code == 400
    assert answer.headers["x-trace-id"] in answer.text
    assert await browser.who() is None
    assert ("refused", "forged", ["in response to"]) in await refused_flows(services)


@pytest.mark.attack("SAM-08")
async def test_a_sign_in_that_begins_at_the_provider_is_refused_where_it_is_not_allowed(browser, services):
    answer = await browser.arrive(browser.form())
    assert answer.status_code == 400
    assert await refused_flows(services) == [("refused", "forged", ["unasked"])]


@pytest.mark.parametrize("config", [{"allows_idp_initiated": True}])
async def test_a_sign_in_may_begin_at_the_provider_where_it_is_allowed(browser):
    browser.relay_state = "https://evil.example/"
    answer = await browser.arrive(browser.form())
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert (await browser.who())["email"] == "ann@corp.example"


@pytest.mark.attack("SAM-09")
async def test_the_same_form_twice_or_at_once_signs_in_once(browser, services):
    await browser.start()
    form = browser.form()
    sent = await asyncio.gather(*(browser.send(form) for _ in range(4)))
    answers = [await browser.http.get(each.headers["location"]) for each in sent]
    assert sorted(answer.status_code for answer in answers) in ([303, 400, 400, 400], [400, 400, 400, 400])
    again = await browser.arrive(form)
    assert again.status_code == 400


@pytest.mark.attack("SAM-10")
async def test_a_form_that_is_too_large_is_refused_unread(browser):
    await browser.start()
    assert (await browser.foreign.post("/auth/saml/corp/acs", data={"SAMLResponse": "A" * 530_000})).status_code == 413

    async def endless():
        for _ in range(20):
            yield b"SAMLResponse=" + b"A" * 1_000_000

    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    assert (await browser.foreign.post("/auth/saml/corp/acs", content=endless(), headers=kind)).status_code == 413
    # Elsewhere the limit is that of our own forms.
    assert (await browser.foreign.post("/auth/saml/corp/slo", data={"SAMLRequest": "A" * 70_000})).status_code == 413
    about = browser.said(attributes={"note": ["x" * 4000] * 70})
    whole = browser.form_of(response(about, sign(assertion(about), browser.keys)))
    assert 300_000 < len(whole["SAMLResponse"]) < 500_000
    assert (await browser.arrive(whole)).status_code != 413


@pytest.mark.attack("SAM-10")
async def test_what_is_refused_is_a_page_and_changes_nothing(browser, attacker, services, events):
    await browser.start()
    for form in (
        browser.form(attacker),
        browser.form_of(b'<!DOCTYPE x [<!ENTITY y SYSTEM "file:///etc/passwd">]><x>&y;</x>'),
        {"SAMLResponse": "no base64!"},
        {"other": "field"},
    ):
        answer = await browser.arrive(form)
        assert answer.status_code in (400, 502), answer.text
        assert "text/html" in answer.headers["content-type"]
    assert await browser.who() is None
    assert len(await events.of("user.federated_sign_in_refused")) >= 3


@pytest.mark.parametrize("limits", [{"refused_authorizations": 1}])
async def test_nonsense_in_great_numbers_leaves_nothing_behind(browser, services):
    here = Origin(ip="127.0.0.1", user_agent=None, trace_id="0" * 32)
    location = ""
    # Also of those who have begun a sign-in, and answer it over and over.
    await browser.start()
    # What is left grows again with time, and on a busy machine more than a moment passes in between.
    for _ in range(100):
        while await services.limits.refused_authorization("corp", here):
            pass
        location = (await browser.send(browser.form_of(b"no XML"))).headers["location"]
        if location.endswith("?arrival="):
            break
    assert location == "/auth/saml/corp/acs?arrival="
    assert (await browser.http.get(location)).status_code == 400
    # It is under way still, and nothing was noted of it.
    assert await refused_flows(services) == [("pending", None, [])]


@pytest.mark.parametrize("config", [{"binding": "post"}])
async def test_a_request_by_form_is_a_page_that_works_without_a_script(browser):
    page = await browser.http.get("/auth/saml/corp/login")
    assert page.status_code == 200
    policy = page.headers["content-security-policy"]
    assert "form-action 'self' https://idp.example.org" in policy
    assert "unsafe" not in policy
    assert 'name="SAMLRequest"' in page.text
    assert "<button" in page.text


@pytest.mark.spec("SAML 2.0 Metadata §4.1")
async def test_our_metadata_is_public_and_others_have_none(browser):
    answer = await browser.foreign.get("/auth/saml/corp/metadata")
    assert answer.headers["content-type"] == "application/samlmetadata+xml"
    assert (await browser.foreign.get("/auth/saml/nobody/metadata")).status_code == 404
    assert (await browser.foreign.post("/auth/saml/nobody/acs", data={"SAMLResponse": "AA=="})).status_code == 404


@pytest.mark.attack("SAM-11")
async def test_a_logout_request_ends_the_session_only_if_the_provider_signed_it(browser, attacker, keys, events):
    await browser.sign_in()
    for signer in (None, attacker):
        forged = logout_request(browser.said(), destination=SLO)
        answer = await browser.foreign.get(f"/auth/saml/corp/slo?{query('SAMLRequest', forged, signer)}")
        assert answer.status_code == 400
        element = logout_request(browser.said(), destination=SLO)
        if signer is not None:
            sign(element, signer)
        answer = await browser.foreign.post(
            "/auth/saml/corp/slo", data={"SAMLRequest": browser.form_of(element)["SAMLResponse"]}
        )
        assert answer.status_code == 400
    assert await browser.who() is not None
    right = query("SAMLRequest", logout_request(browser.said(), destination=SLO), keys, "back")
    answer = await browser.foreign.get(f"/auth/saml/corp/slo?{right}")
    assert answer.headers["location"].startswith("https://idp.example.org/slo?SAMLResponse=")
    assert await browser.who() is None
    assert len(await events.of("session.revoked")) == 1


@pytest.mark.spec("SAML 2.0 Profiles §4.4.3.1")
async def test_whoever_signs_out_here_signs_out_there(browser, keys):
    await browser.sign_in()
    page = await browser.http.get("/auth/saml/corp/logout")
    assert "form-action 'self' https://idp.example.org" in page.headers["content-security-policy"]
    assert (
        await browser.http.post("/auth/saml/corp/logout", headers={"Sec-Fetch-Site": "cross-site"})
    ).status_code == 403
    assert await browser.who() is not None
    answer = await browser.http.post("/auth/saml/corp/logout", headers={"Sec-Fetch-Site": "same-origin"})
    asked = urlsplit(answer.headers["location"])
    request = read_document(read_query(asked.query, "SAMLRequest").content)
    assert request.findtext(tag("saml:NameID")) == "ann"
    assert await browser.who() is None
    state = parse_qs(asked.query)["RelayState"][0]
    done = logout_response(browser.said(request_id=f"_{state}"), destination=SLO)
    said = await browser.http.get(f"/auth/saml/corp/slo?{query('SAMLResponse', done, keys, state)}")
    assert (said.status_code, "signed out" in said.text) == (200, True)
    # Nobody is signed in: there is nothing to ask.
    assert (await browser.http.get("/auth/saml/corp/logout")).status_code == 200


def _decoded(form: dict[str, str]) -> bytes:
    return base64.b64decode(form["SAMLResponse"])
