"""What comes after the first factor on the pages: confirming, enrolling, and proving again."""

import html
import json
import re
from datetime import timedelta

import pyotp
import pytest

from app.foundation.engines.lock import Engines
from app.hosted.begin import ClientShown, SignInRequirements
from app.protocols.assurance import ACR
from app.settings import Settings
from app.users.email import masked
from app.wiring import Services
from tests.authenticator import Authenticator
from tests.conftest import settings_for
from tests.hosted.conftest import Surfer, Surfers
from tests.second_factors.support import Ann
from tests.support import PASSWORD, People

pytestmark = pytest.mark.anyio

ANN = "ann@example.com"


@pytest.fixture
async def ann(api, people: People, services: Services) -> Ann:
    return await Ann(api, people, services).signs_up()


async def to_the_second_step(surfer: Surfer, path: str = "/login") -> None:
    await surfer.open(path)
    await surfer.submit("identify", email=ANN)
    await surfer.submit("password", password=PASSWORD)


def options_of(surfer: Surfer, step: str) -> dict:
    """What the page's script would give to the authenticator."""
    return json.loads(surfer.at.form(step).attributes["data-options"])["publicKey"]


async def acr_of(services: Services) -> list[tuple[str, bool]]:
    """The `acr` of each session, newest first, and whether it is over."""
    async with services.db.transaction() as tx:
        user = await services.users.find_by_email(tx, ANN)
        assert user is not None
        kept = await services.sessions.list_kept(tx, user.id, limit=9)
    return [(session.acr, session.ended_at is not None) for session in kept]


async def test_an_app_and_then_a_recovery_code_confirm(ann: Ann, surfers: Surfers):
    await ann.enrols_totp()
    reader = surfers.open()
    await to_the_second_step(reader)
    assert reader.at.heading == "Enter the code from your app"
    page = await reader.submit("second", code="000000")
    assert page.answer.status_code == 401
    assert "not right, or too old" in page.words
    page = await reader.submit("second", code=f"{ann.code()[:3]} {ann.code()[3:]}")
    assert reader.went_to == "/"
    other = surfers.open()
    await to_the_second_step(other)
    page = await other.open(next(link for link in other.at.links if "way=recovery_code" in link))
    assert page.heading == "Enter a recovery code"
    await other.submit("second", code=ann.recovery_codes[0])
    assert other.went_to == "/"


async def test_a_passkey_confirms_and_signs_in_by_itself(ann: Ann, surfers: Surfers, services: Services):
    key = Authenticator()
    await ann.adds(key)
    reader = surfers.open()
    await to_the_second_step(reader)
    page = reader.at
    assert page.heading == "Confirm with a passkey"
    await reader.submit("second", credential=json.dumps(key.get(options_of(reader, "second"))))
    assert reader.went_to == "/"
    other = surfers.open()
    await other.open("/login")
    options = (await other.client.post("/auth/passkeys/options")).json()["publicKey"]
    await other.submit("passkey", credential=json.dumps(Authenticator().get(options)))
    assert other.at.answer.status_code == 401
    assert "did not work here" in other.at.words
    options = (await other.client.post("/auth/passkeys/options")).json()["publicKey"]
    await other.submit("passkey", credential=json.dumps(key.get(options)))
    assert other.went_to == "/"
    assert (await acr_of(services))[0] == ("phr", False)


async def test_the_factor_that_a_browser_confirmed_by_last_is_offered_first(
    ann: Ann, surfers: Surfers, services: Services
):
    key = Authenticator()
    await ann.enrols_totp()
    await ann.adds(key)
    reader = surfers.open()
    await to_the_second_step(reader, await surfers.begin())
    assert reader.at.heading == "Enter the code from your app"
    await reader.open(next(link for link in reader.at.links if "way=passkey" in link))
    await reader.submit("second", credential=json.dumps(key.get(options_of(reader, "second"))))
    assert reader.went_to == "/resume?flow=f"
    reader.client.cookies.delete("session")
    for browser, heading in ((reader, "Confirm with a passkey"), (surfers.open(), "Enter the code from your app")):
        await to_the_second_step(browser, await surfers.begin())
        assert browser.at.heading == heading


async def test_whoever_lacks_a_factor_that_an_app_asks_for_sets_one_up(ann: Ann, surfers: Surfers, services: Services):
    reader = surfers.open()
    path = await surfers.begin(SignInRequirements(acr=ACR.AAL2, client=ClientShown(name="Payroll")))
    await to_the_second_step(reader, path)
    assert reader.at.heading == "Set up a second factor"
    form = next(form for form in reader.at.forms if form.fields.get("factor") == "totp")
    reader.at.forms = [form]
    page = await reader.submit("enrol")
    assert page.heading == "Set up your authenticator app"
    secret = re.search(r'class="key">([A-Z2-7]+)<', page.answer.text)
    assert secret is not None
    await reader.submit("confirm", code="000000")
    # The picture of a refused try is the one that was scanned.
    assert secret[1] in html.unescape(reader.at.answer.text)
    app = pyotp.TOTP(secret[1])
    page = await reader.submit("confirm", code=app.at(services.clock.now()))
    assert page.heading == "Keep your recovery codes"
    await reader.submit("saved")
    assert reader.went_to == "/resume?flow=f"
    assert (await acr_of(services))[0] == ("aal2", False)


async def test_a_live_session_is_raised_and_stays(ann: Ann, surfers: Surfers, services: Services):
    reader = surfers.open()
    await to_the_second_step(reader)
    cookie = reader.client.cookies["session"]
    await ann.enrols_totp()
    await services.db.fetchrow("UPDATE sessions SET ended_at = NULL RETURNING id")
    path = await surfers.begin(SignInRequirements(acr=ACR.AAL2, client=ClientShown(name="Payroll")))
    page = await reader.open(path)
    assert page.heading == "Confirm that it is you"
    assert "Payroll asks you to prove it again." in page.words
    page = await reader.submit("again", code="000000")
    assert page.answer.status_code == 401
    await reader.submit("again", code=ann.code())
    assert reader.went_to == "/resume?flow=f"
    assert reader.client.cookies["session"] != cookie
    assert ("aal2", False) in await acr_of(services)


@pytest.mark.attack("AUT-17")
async def test_an_old_sign_in_is_renewed_by_the_password_and_keeps_its_session(
    ann: Ann, surfers: Surfers, services: Services
):
    reader = surfers.open()
    await to_the_second_step(reader)
    before = await acr_of(services)
    services.clock.offset += timedelta(seconds=60)
    path = await surfers.begin(SignInRequirements(signed_in_after=services.clock.now(), sub=None))
    page = await reader.open(path)
    assert page.heading == "Confirm that it is you"
    page = await reader.submit("again", password="not the password")
    assert page.answer.status_code == 401
    await reader.submit("again", password=PASSWORD)
    assert reader.went_to == "/resume?flow=f"
    assert await acr_of(services) == before


async def test_another_account_replaces_the_one_that_is_signed_in(
    ann: Ann, people: People, surfers: Surfers, services: Services
):
    await people.sign_up("rosa@example.com")
    reader = surfers.open()
    await to_the_second_step(reader)
    page = await reader.open(await surfers.begin(SignInRequirements(choose=True, client=ClientShown(name="Orders"))))
    assert page.heading == "Choose an account"
    await reader.submit("choose", account="this")
    assert reader.went_to == "/resume?flow=f"
    await reader.open(await surfers.begin(SignInRequirements(choose=True)))
    page = await reader.submit("choose", account="other")
    assert page.heading == "Sign in"
    await reader.submit("identify", email="rosa@example.com")
    await reader.submit("password", password=PASSWORD)
    assert reader.went_to == "/resume?flow=f"
    assert (await reader.client.get("/auth/me")).json()["email"] == "rosa@example.com"
    assert (await acr_of(services))[0] == ("aal1", True)


async def test_only_the_account_that_is_asked_for_leads_back(ann: Ann, people: People, surfers: Surfers):
    sub = (await people.sign_up("rosa@example.com"))["sub"]
    reader = surfers.open()
    await to_the_second_step(reader)
    page = await reader.open(await surfers.begin(SignInRequirements(sub=sub)))
    assert page.heading == "Sign in"
    assert "Another account is asked for." in page.words
    await reader.submit("identify", email="rosa@example.com")
    await reader.submit("password", password=PASSWORD)
    assert reader.went_to == "/resume?flow=f"


class TestWhereAMailedCodeConfirms:
    @pytest.fixture
    def settings(self, database_url: str, engines: Engines) -> Settings:
        return settings_for(database_url, engines, mfa={"email_code": True})

    async def test_where_the_code_goes_is_shown_in_part_to_whoever_typed_it(
        self, surfers: Surfers, people: People, services: Services
    ):
        await people.sign_up(ANN)
        async with services.db.transaction() as tx:
            await tx.exec_driver_sql("UPDATE users SET email_verified_at = now()")
        reader = surfers.open()
        await to_the_second_step(reader, await surfers.begin(SignInRequirements(acr=ACR.AAL2)))
        assert reader.at.heading == "Confirm by mail"
        page = await reader.submit("mail")
        assert "is on its way to an…@example.com" in " ".join(page.words.split())


def test_a_masked_address_always_leaves_something_out():
    shown = {email: masked(email) for email in ("ann@example.com", "an@example.com", "a@example.com", "", "@x.org")}
    assert list(shown.values()) == ["an…@example.com", "a…@example.com", "…@example.com", "…", "…"]
    assert masked('"a@b"@example.com') == '"a…@example.com'
