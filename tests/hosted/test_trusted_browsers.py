"""Browsers that a user trusts: spared a second factor that nothing requires, and nothing more."""

from datetime import timedelta

import httpx2
import pytest

from app.audit.event import SYSTEM
from app.hosted.begin import SignInRequirements
from app.main import create_app
from app.protocols.assurance import ACR
from app.trust.service import TrustedBrowsers, TrustPolicy
from app.wiring import Services, build, startup_origin
from tests.conftest import settings_for
from tests.hosted.conftest import Surfer, Surfers
from tests.second_factors.support import Ann
from tests.support import ISSUER, PASSWORD, Events, People, bearer, problem

pytestmark = pytest.mark.anyio

ANN = "ann@example.com"
CODE = "Enter the code from your app"
TRUSTED = "/auth/me/trusted-browsers"


@pytest.fixture
async def ann(api, people: People, services: Services) -> Ann:
    return await (await Ann(api, people, services).signs_up()).enrols_totp()


async def first_factor(reader: Surfer, path: str = "/login") -> str:
    """Sign in by the password, signed out before; return the heading of what comes next, or ''."""
    for name in ("session", "access", "refresh"):
        if name in reader.client.cookies:
            reader.client.cookies.delete(name)
    await reader.open(path)
    if reader.at.heading == "Choose an account":
        await reader.submit("choose", account="other")
    await reader.submit("identify", email=ANN)
    await reader.submit("password", password=PASSWORD)
    return reader.at.heading if reader.trail[-1].status_code != 303 else ""


async def trusting(ann: Ann, surfers: Surfers) -> Surfer:
    """A browser that Ann trusts."""
    reader = surfers.open()
    assert await first_factor(reader) == CODE
    await reader.submit("second", code=ann.code(), trust="1")
    assert reader.went_to == "/"
    ann.wait(30)
    return reader


async def session(reader: Surfer) -> tuple[str, list[str]]:
    items = (await reader.client.get("/auth/sessions")).json()["items"]
    [here] = [item for item in items if item["current"]]
    return here["acr"], here["amr"]


@pytest.mark.attack("SES-01")
async def test_a_trusted_browser_is_not_asked_for_the_code_again_and_says_the_truth(
    ann: Ann, surfers: Surfers, services: Services, events: Events
):
    plain = surfers.open()
    assert await first_factor(plain) == CODE
    assert "Trust this device for 30 days" in plain.at.words
    await plain.submit("second", code=ann.code())
    ann.wait(30)
    assert "trusted" not in plain.client.cookies
    reader = await trusting(ann, surfers)
    cookie = reader.trail[0].headers.get_list("set-cookie")
    [said] = [each for each in cookie if each.startswith("trusted=tb_")]
    assert "HttpOnly" in said
    assert "SameSite=lax" in said
    assert "Max-Age=2592000" in said
    assert await first_factor(reader) == ""
    assert reader.went_to == "/"
    assert await session(reader) == ("aal1", ["pwd"])
    # The browser alone is trusted: neither another one, nor one for another user, nor one that made its cookie up.
    assert await first_factor(plain) == CODE
    plain.client.cookies.set("trusted", "tb_" + "a" * 43)
    assert await first_factor(plain) == CODE
    row = await services.db.fetchrow("SELECT t::text AS whole FROM trusted_browsers t")
    assert row is not None
    assert reader.client.cookies["trusted"] not in row["whole"]
    [trusted] = await events.of("browser.trusted")
    [used] = await events.of("browser.trust_used")
    assert trusted["details"]["browser_id"] == used["details"]["browser_id"]
    assert trusted["subject"] == used["subject"]


async def test_what_is_asked_for_explicitly_is_not_met_by_trust(ann: Ann, surfers: Surfers):
    reader = await trusting(ann, surfers)
    path = await surfers.begin(SignInRequirements(acr=ACR.AAL2))
    assert await first_factor(reader, path) == CODE
    # Trust would mean nothing here: it is not offered, and not given to whoever sends it all the same.
    assert "Trust this device" not in reader.at.words
    held = reader.client.cookies["trusted"]
    await reader.submit("second", code=ann.code(), trust="1")
    assert reader.went_to == "/resume?flow=f"
    assert reader.client.cookies["trusted"] == held
    assert await session(reader) == ("aal2", ["pwd", "otp", "mfa"])


async def test_each_way_of_taking_trust_back_has_the_code_asked_again(
    ann: Ann, surfers: Surfers, services: Services, events: Events
):
    reader = await trusting(ann, surfers)
    [listed] = (await ann.api.get(TRUSTED, headers=bearer(ann.tokens))).json()["items"]
    assert listed.keys() == {"id", "created_at", "last_used_at", "expires_at", "ip", "user_agent"}
    other = await ann.people.signed_in("ben@example.com")
    assert (await ann.api.get(TRUSTED, headers=bearer(other))).json() == {"items": []}
    foreign = await ann.api.delete(f"{TRUSTED}/{listed['id']}", headers=bearer(other))
    problem(foreign, 404, "trusted_browser_not_found")
    assert await first_factor(reader) == ""
    assert (await ann.api.delete(f"{TRUSTED}/{listed['id']}", headers=bearer(ann.tokens))).status_code == 204
    assert await first_factor(reader) == CODE
    again = await ann.api.delete(f"{TRUSTED}/{listed['id']}", headers=bearer(ann.tokens))
    problem(again, 404, "trusted_browser_not_found")
    reader = await trusting(ann, surfers)
    assert (await ann.api.delete(TRUSTED, headers=bearer(ann.tokens))).status_code == 204
    assert await first_factor(reader) == CODE, "all of them"
    assert len(await events.of("browser.trust_ended")) == 2
    reader = await trusting(ann, surfers)
    async with services.db.transaction() as tx:
        user = await services.users.find_by_email(tx, ANN)
    assert user is not None
    await services.ending.of_user(user, reason="lost laptop", actor=SYSTEM, origin=startup_origin())
    services.clock.offset += timedelta(seconds=2)
    assert await first_factor(reader) == CODE, "everything was ended"
    reader = await trusting(ann, surfers)
    body = {"current_password": PASSWORD, "new_password": "another correct horse battery"}
    ann.tokens = await ann.signs_in()
    changed = await ann.api.post("/auth/password/change", headers=bearer(ann.tokens), json=body)
    assert changed.status_code == 204, changed.text
    assert (await ann.api.get(TRUSTED, headers=bearer(ann.tokens))).json() == {"items": []}


async def test_trust_ends_with_its_time_with_its_setting_and_with_the_second_factors(
    ann: Ann, surfers: Surfers, services: Services
):
    reader = await trusting(ann, surfers)
    off = TrustedBrowsers(services.clock, services.audit, TrustPolicy(lifetime=timedelta(days=0)))
    short = TrustedBrowsers(services.clock, services.audit, TrustPolicy(lifetime=timedelta(days=1)))
    async with services.db.transaction() as tx:
        user = await services.users.find_by_email(tx, ANN)
        assert user is not None
        assert len(await services.trusted_browsers.list_of(tx, user.id)) == 1
        assert list(await off.list_of(tx, user.id)) == []
    assert not off.may_spare(ACR.AAL1)
    assert not short.may_spare(ACR.AAL2)
    services.clock.offset += timedelta(days=2)
    async with services.db.transaction() as tx:
        assert list(await short.list_of(tx, user.id)) == [], "a lifetime that was shortened counts at once"
    assert await first_factor(reader) == ""
    services.clock.offset += timedelta(days=29)
    assert await first_factor(reader) == CODE
    reader = await trusting(ann, surfers)
    await services.second_factors.reset(user.id, actor=SYSTEM, origin=startup_origin())
    async with services.db.transaction() as tx:
        assert list(await services.trusted_browsers.list_of(tx, user.id)) == []


async def test_two_users_trust_one_browser_and_its_cookie_is_new_each_time(
    ann: Ann, surfers: Surfers, services: Services
):
    reader = await trusting(ann, surfers)
    first = reader.client.cookies["trusted"]
    rows = "SELECT count(*) AS count, count(DISTINCT token_hash) AS cookies FROM trusted_browsers"
    await services.db.fetchrow(
        "INSERT INTO trusted_browsers (id, user_id, token_hash, credentials_version, created_at, expires_at) "
        "SELECT gen_random_uuid(), gen_random_uuid(), token_hash, 0, created_at, expires_at FROM trusted_browsers "
        "RETURNING id"
    )
    await ann.api.delete(TRUSTED, headers=bearer(ann.tokens))
    assert await first_factor(reader) == CODE
    await reader.submit("second", code=ann.code(), trust="1")
    assert reader.client.cookies["trusted"] != first
    row = await services.db.fetchrow(rows)
    assert row is not None
    assert (row["count"], row["cookies"]) == (2, 1), "what the other trusts goes over to the new cookie"


async def test_policy_may_let_a_trusted_browser_count_and_a_json_client_may_ask_for_it(
    ann: Ann, database_url: str, engines
):
    services = build(settings_for(database_url, engines, mfa={"trusted_browser_is_a_factor": True}))
    await services.open()
    services.clock.offset = ann.services.clock.offset
    transport = httpx2.ASGITransport(create_app(services=services))
    async with httpx2.AsyncClient(transport=transport, base_url=ISSUER) as client:
        body = {"email": ANN, "password": PASSWORD}
        asked = problem(await client.post("/auth/login?transport=cookie", json=body), 403, "mfa_required")
        assert asked["trust_seconds"] == 30 * 86_400
        proof = {"mfa_token": asked["mfa_token"], "factor": "totp", "code": ann.code(), "trust_browser": True}
        answer = await client.post("/auth/mfa/verify?transport=cookie", json=proof)
        assert answer.status_code == 200, answer.text
        surfer = Surfer(client)
        async with services.db.transaction() as tx:
            path = await services.hosted.sign_in.begin(tx, SignInRequirements(acr=ACR.AAL2), resume_at="/resume")
        assert await first_factor(surfer, path) == ""
        assert await session(surfer) == ("aal2", ["pwd", "mfa"])
        async with services.db.transaction() as tx:
            path = await services.hosted.sign_in.begin(tx, SignInRequirements(acr=ACR.PHR), resume_at="/resume")
        assert await first_factor(surfer, path) == CODE, "never as a passkey"
    await services.close()
