"""The accounts that a browser remembers, and what a deployment without mail does not offer."""

import httpx2
import pytest

from app.foundation.offers import Offers
from app.hosted.accounts import KnownAccount, KnownAccounts
from app.hosted.begin import SignInRequirements
from app.main import create_app
from app.wiring import Services, build
from tests.conftest import settings_for
from tests.hosted.conftest import Surfer, Surfers
from tests.support import PASSWORD, People

pytestmark = pytest.mark.anyio

ORIGIN = "https://auth.example.com"
ROSA, NINA = "rosa@example.com", "nina@example.com"


async def signs_in(reader: Surfer, email: str) -> None:
    await reader.submit("identify", email=email)
    await reader.submit("password", password=PASSWORD)
    assert reader.trail[-1].status_code == 303


async def signs_out(reader: Surfer) -> None:
    for name in ("session", "access", "refresh"):
        if name in reader.client.cookies:
            reader.client.cookies.delete(name)


async def both(people: People, surfers: Surfers) -> Surfer:
    """A browser in which Nina signed in, and Rosa after her."""
    await people.sign_up(ROSA, name="Rosa Lind")
    await people.sign_up(NINA)
    reader = surfers.open()
    await reader.open("/login")
    await signs_in(reader, NINA)
    await reader.open("/login?way=other")
    await signs_in(reader, ROSA)
    return reader


async def test_a_browser_offers_the_accounts_that_were_signed_in_to_it_and_no_other_browser_does(
    people: People, surfers: Surfers
):
    reader = await both(people, surfers)
    page = await reader.open(await surfers.begin(SignInRequirements(choose=True)))
    assert page.heading == "Choose an account"
    assert page.words.index("Rosa Lind") < page.words.index("Signed in") < page.words.index(NINA)
    assert "Signed out" in page.words
    page = await reader.submit("choose", account=NINA)
    assert page.heading == "Enter your password"
    assert NINA in page.words
    await reader.submit("password", password=PASSWORD)
    assert reader.went_to == "/resume?flow=f"
    assert (await reader.client.get("/auth/me")).json()["email"] == NINA
    await signs_out(reader)
    page = await reader.open("/login")
    assert page.heading == "Choose an account"
    assert page.words.index(NINA) < page.words.index("Rosa Lind"), "the last one comes first"
    page = await reader.submit("choose", account="other")
    assert page.heading == "Sign in"
    # Somebody else's browser is offered nothing, and neither is one with a cookie that was tampered with.
    stranger = surfers.open()
    assert (await stranger.open("/login")).heading == "Sign in"
    cookie = reader.client.cookies["accounts"]
    assert "nina" not in cookie
    for value in ("x", "AAAA" * 20, cookie[:-4] + "AAAA", cookie + "x" * 4000):
        stranger.client.cookies.set("accounts", value)
        page = await stranger.open("/login")
        assert page.heading == "Sign in", value[:20]
        assert ROSA not in page.answer.text
    # An address that the browser does not know is no account to choose.
    page = await reader.open(await surfers.begin(SignInRequirements(choose=True)))
    page = await reader.submit("choose", account="somebody@example.com")
    assert page.heading == "Sign in"


async def test_an_account_is_forgotten_by_one_button_and_a_client_without_choice_asks_for_the_address(
    people: People, surfers: Surfers
):
    reader = await both(people, surfers)
    await signs_out(reader)
    page = await reader.open(await surfers.begin())
    assert page.heading == "Sign in"
    page = await reader.open(next(link for link in page.links if "way=accounts" in link))
    assert page.heading == "Choose an account"
    form = next(each for each in page.forms if each.fields.get("step") == "forget")
    assert form.fields["account"] == ROSA
    page = await reader.submit("forget", account=ROSA)
    assert page.heading == "Choose an account"
    assert ROSA not in page.words
    page = await reader.submit("forget", account=NINA)
    assert page.heading == "Sign in"
    assert "accounts" not in reader.client.cookies


async def test_no_more_accounts_are_kept_than_a_setting_says_or_a_cookie_holds(services: Services):
    from starlette.requests import Request
    from starlette.responses import Response

    def kept(most: int, accounts: list[KnownAccount]) -> tuple[KnownAccount, ...]:
        known, response = KnownAccounts(services.keyring, most=most), Response()
        known.put(accounts, response, services.cookies)
        value = response.headers["set-cookie"].split(";")[0].encode()
        request = Request({"type": "http", "headers": [(b"cookie", value)]})
        return known.of(request, services.cookies)

    short = [KnownAccount(email=f"{number}@example.com", name=None) for number in range(12)]
    assert kept(5, short) == tuple(short[:5])
    assert kept(0, short) == ()
    long = [KnownAccount(email=f"{number}{'e' * 240}@example.com", name="ä" * 80) for number in range(10)]
    assert 1 < len(kept(10, long)) < 10
    assert kept(10, long) == tuple(long[: len(kept(10, long))])


async def test_without_mail_nothing_is_offered_that_needs_it(database_url: str, engines):
    services = build(
        settings_for(
            database_url,
            engines,
            environment="production",
            public_url=ORIGIN,
            accounts={"hide_existence": False, "require_verified_email": False},
            mfa={"email_code": True},
        )
    )
    assert services.hosted.offers == Offers(mail=False)
    await services.open()
    transport = httpx2.ASGITransport(create_app(services=services))
    async with httpx2.AsyncClient(transport=transport, base_url=ORIGIN) as client:
        reader = Surfer(client)
        await reader.open("/login")
        page = await reader.submit("identify", email=ROSA)
        assert page.heading == "Enter your password"
        assert "Mail me" not in page.words
        # Whom to ask, and no field for an address.
        page = await reader.open(next(link for link in page.links if "/password/forgot" in link))
        assert "This service sends no mail" in page.words
        assert page.forms == []
        answer = await client.post("/password/forgot", data={"email": ROSA}, headers={"Sec-Fetch-Site": "same-origin"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/password/forgot")
        page = await reader.open(next(link for link in page.links if "/login" in link))
        assert page.heading == "Enter your password"
        assert "Use a passkey" in page.words
        by_passkey = next(link for link in page.links if "way=passkey" in link)
        page = await reader.open(by_passkey.replace("way=passkey", "way=forgot"))
        assert page.heading == "Enter your password"
        form = page.form("password")
        for step in ("mail", "forgot"):
            fields = {**form.fields, "step": step}
            answer = await client.post(form.action, data=fields, headers={"Sec-Fetch-Site": "same-origin"})
            assert answer.status_code == 303, step
    row = await services.db.fetchrow("SELECT count(*) AS count FROM mails")
    assert row is not None
    assert row["count"] == 0
    await services.close()
