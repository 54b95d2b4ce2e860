"""Signing in on the pages, without JavaScript."""

import re

import httpx2
import pytest

from app.foundation.engines.lock import Engines
from app.foundation.origin import Origin
from app.hosted.begin import ClientShown, SignInRequirements
from app.main import create_app
from app.settings import Settings
from app.wiring import Services
from tests.conftest import settings_for
from tests.hosted.conftest import Surfer, Surfers
from tests.support import PASSWORD, People

pytestmark = pytest.mark.anyio

ROSA = "rosa@example.com"
PUBLIC = "https://auth.example.com"


async def who(client: httpx2.AsyncClient) -> str | None:
    """Whose session the browser holds."""
    answer = await client.get("/auth/me")
    return answer.json()["email"] if answer.status_code == 200 else None


@pytest.mark.attack("AUT-20")
async def test_somebody_who_comes_alone_signs_in_and_ends_at_the_start_page(people: People, surfers: Surfers):
    await people.sign_up(ROSA)
    rosa = surfers.open()
    page = await rosa.open("/login")
    assert page.heading == "Sign in"
    page = await rosa.submit("identify", email=ROSA)
    assert page.heading == "Enter your password"
    assert ROSA in page.words
    assert rosa.trail[0].status_code == 303
    page = await rosa.submit("password", password="not the password")
    assert page.answer.status_code == 401
    assert "don’t match" in page.words
    assert "not the password" not in page.answer.text
    await rosa.submit("password", password=PASSWORD)
    assert [answer.status_code for answer in rosa.trail] == [303, 303]
    assert rosa.went_to == "/"
    assert await who(rosa.client) == ROSA


async def test_a_wrong_address_and_a_wrong_password_are_answered_alike(people: People, surfers: Surfers):
    await people.sign_up(ROSA)
    words = []
    for email in (ROSA, "nobody@example.com"):
        reader = surfers.open()
        await reader.open("/login")
        await reader.submit("identify", email=email)
        page = await reader.submit("password", password="not the password")
        words.append((page.answer.status_code, page.words.replace(email, "").replace(email[:2].upper(), "")))
    assert words[0] == words[1]


async def test_an_app_gets_its_person_back_where_it_said(people: People, surfers: Surfers):
    await people.sign_up(ROSA)
    rosa = surfers.open()
    client = ClientShown(name="Orders", redirect_origin="https://orders.example.com")
    path = await surfers.begin(SignInRequirements(client=client, login_hint=ROSA), resume_at="/oauth/resume?flow=1")
    page = await rosa.open(path)
    assert page.heading == "Sign in to Orders"
    assert "form-action 'self' https://orders.example.com;" in page.answer.headers["content-security-policy"]
    assert page.form("identify").fields["email"] == ROSA
    await rosa.submit("identify")
    await rosa.submit("password", password=PASSWORD)
    assert rosa.went_to == "/oauth/resume?flow=1"
    # Signed in by now: the next sign-in for the same app needs nothing.
    await rosa.open(await surfers.begin(SignInRequirements(client=client), resume_at="/oauth/resume?flow=2"))
    assert rosa.went_to == "/oauth/resume?flow=2"


async def test_a_sign_in_belongs_to_the_browser_that_opened_it_first(people: People, surfers: Surfers):
    await people.sign_up(ROSA)
    rosa, thief = surfers.open(), surfers.open()
    path = await surfers.begin()
    await rosa.open(path)
    page = await thief.open(path)
    assert page.answer.status_code == 410
    assert page.heading == "This sign-in is over"
    await rosa.submit("identify", email=ROSA)
    page = await thief.open(path)
    assert ROSA not in page.words
    # What is no sign-in at all, whatever stands in its place.
    for name in ("x" * 22, "%00", "a%00" * 6, "%F0%9F%99%82", "x" * 5000):
        assert (await thief.open(f"/login?flow={name}")).answer.status_code == 410, name


@pytest.mark.attack("SES-03")
async def test_a_form_without_the_browsers_own_token_is_refused(people: People, surfers: Surfers):
    await people.sign_up(ROSA)
    rosa, other = surfers.open(), surfers.open()
    await other.open("/login")
    await rosa.open("/login")
    await rosa.submit("identify", email=ROSA)
    form = rosa.at.form("password")
    for token in ("", "x", other.at.form("identify").fields["csrf_token"]):
        fields = {**form.fields, "password": PASSWORD, "csrf_token": token}
        answer = await rosa.client.post(form.action, data=fields, headers={"Sec-Fetch-Site": "same-origin"})
        assert answer.status_code == 403, token
    for site in ("cross-site", "same-site", "none"):
        fields = {**form.fields, "password": PASSWORD}
        answer = await rosa.client.post(form.action, data=fields, headers={"Sec-Fetch-Site": site})
        assert answer.status_code == 403, site
    assert await who(rosa.client) is None


async def test_what_is_kept_between_two_pages_cannot_be_read_in_the_table(
    people: People, surfers: Surfers, services: Services
):
    await people.sign_up(ROSA)
    rosa = surfers.open()
    await rosa.open("/login")
    await rosa.submit("identify", email=ROSA)
    row = await services.db.fetchrow("SELECT h::text AS whole FROM hosted_sign_ins h")
    assert row is not None
    assert "rosa" not in row["whole"]
    assert ROSA.encode().hex() not in row["whole"]
    await rosa.submit("password", password=PASSWORD)
    row = await services.db.fetchrow("SELECT sealed, finished_at FROM hosted_sign_ins")
    assert row is not None
    assert row["sealed"] is None
    assert row["finished_at"] is not None


class TestUnderALimit:
    @pytest.fixture
    def settings(self, database_url: str, engines: Engines) -> Settings:
        narrow = {"environment": "production", "public_url": PUBLIC, "limits": {"login_per_account": 1}}
        return settings_for(database_url, engines, accounts={"hide_existence": False}, **narrow)

    async def test_when_it_ends_is_said_of_every_address_alike(self, services: Services):
        origin = Origin(ip="127.0.0.1", user_agent=None, trace_id="0" * 32)
        said = []
        transport = httpx2.ASGITransport(create_app(services=services))
        for email in (ROSA, "nobody@example.com"):
            async with httpx2.AsyncClient(transport=transport, base_url=PUBLIC) as client:
                if email == ROSA:
                    await People(client).sign_up(ROSA)
                reader = Surfer(client)
                await reader.open("/login")
                await reader.submit("identify", email=email)
                await services.limits.login(email, origin)
                # Nor is the right password looked at.
                page = await reader.submit("password", password=PASSWORD)
            assert page.answer.status_code == 429
            seconds = int(page.answer.headers["retry-after"])
            assert f"Wait {'1 minute' if seconds == 60 else f'{seconds} second'}" in page.words
            assert "or use a passkey now" in page.words
            assert 'role="status" tabindex="-1" autofocus' in page.answer.text
            words = re.sub(r"Wait \d+ \w+", "", page.words)
            said.append(words.replace(email, "").replace(email[:2].upper(), ""))
        assert said[0] == said[1]
