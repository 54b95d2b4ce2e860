"""Signing up on the pages, and going on after a mail."""

import pytest

from app.links.service import LinkKind
from app.settings import Settings
from app.wiring import Services
from tests.conftest import settings_for
from tests.hosted.conftest import Surfers
from tests.support import PASSWORD, People

pytestmark = pytest.mark.anyio

ROSA = "rosa@example.com"


async def test_a_new_account_is_signed_in_and_led_back(surfers: Surfers, people: People):
    reader = surfers.open()
    page = await reader.open(await surfers.begin())
    page = await reader.open(next(link for link in page.links if "/signup" in link))
    assert page.heading == "Create an account"
    for fields, words in (
        ({"email": "rosa"}, "Type an email address"),
        ({"email": ROSA, "password": "password"}, "lists of leaked ones"),
        ({"email": ROSA, "password": PASSWORD, "name": "a\u202eb"}, "cannot be a name"),
    ):
        page = await reader.submit("sign_up", **fields)
        assert page.answer.status_code == 422
        assert words in page.words
        assert page.form("sign_up").fields["password"] == ""
        assert page.form("sign_up").fields["email"] == fields["email"]
    # One fault stands beside its field alone; several are listed first, each with a link to its field.
    for fields, summed in (
        ({"email": ROSA, "password": "password"}, []),
        ({"email": "rosa", "password": "password", "name": "a\u202eb"}, ["#name", "#email", "#password"]),
        ({"email": "rosa", "password": PASSWORD, "name": "a\u202eb"}, ["#name", "#email"]),
    ):
        page = await reader.submit("sign_up", **{"name": "", **fields})
        assert [link for link in page.links if link.startswith("#")] == summed
        assert ("things need another look" in page.words) is bool(summed)
        assert page.answer.text.count("<title>Error: ") == 1
    await reader.submit("sign_up", email=ROSA, password=PASSWORD, name="Rosa")
    assert reader.went_to == "/resume?flow=f"
    assert (await reader.client.get("/auth/me")).json()["name"] == "Rosa"
    other = surfers.open()
    await other.open("/signup")
    page = await other.submit("sign_up", email=ROSA, password=PASSWORD)
    assert page.answer.status_code == 409
    assert "has an account here already" in page.words


async def test_a_new_password_leads_back_into_the_same_sign_in(surfers: Surfers, people: People, services: Services):
    await people.sign_up(ROSA)
    reader = surfers.open()
    await reader.open(await surfers.begin())
    page = await reader.submit("identify", email=ROSA)
    await reader.open(next(link for link in page.links if "way=forgot" in link))
    await reader.submit("forgot")
    assert reader.went_to == "/password/sent"
    async with services.db.transaction() as tx:
        user = await services.users.find_by_email(tx, ROSA)
        assert user is not None
        link = await services.links.issue(tx, LinkKind.RESET_PASSWORD, user.id, email=ROSA)
    page = await reader.open(link)
    fields = {**page.forms[0].fields, "new_password": "an entirely different phrase"}
    answer = await reader.client.post("/password/new", data=fields, headers={"Sec-Fetch-Site": "same-origin"})
    assert answer.status_code == 303
    page = await reader.open("/password/changed")
    page = await reader.open(next(link for link in page.links if "resume" in link))
    assert page.heading == "Enter your password"
    assert ROSA in page.words
    await reader.submit("password", password="an entirely different phrase")
    assert reader.went_to == "/resume?flow=f"
    # What is finished is not gone on with.
    page = await reader.open("/login?resume=1")
    assert page.heading == "Choose an account"


class TestWhileExistenceIsHidden:
    @pytest.fixture
    def settings(self, database_url: str, engines) -> Settings:
        return settings_for(database_url, engines, accounts={"hide_existence": True})

    async def test_everybody_is_told_to_look_into_their_mailbox(self, surfers: Surfers, services: Services):
        seen = []
        for _ in range(2):
            reader = surfers.open()
            await reader.open("/signup")
            page = await reader.submit("sign_up", email=ROSA, password=PASSWORD)
            assert page.heading == "Check your mail"
            seen.append((page.answer.status_code, page.words))
            page = await reader.open(next(link for link in page.links if link.startswith("/login")))
            page = await reader.submit("password", password=PASSWORD)
            # Not confirmed yet, and said like a wrong password.
            assert (page.answer.status_code, "don’t match" in page.words) == (401, True)
        assert seen[0] == seen[1]
