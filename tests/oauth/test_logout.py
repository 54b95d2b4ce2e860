"""Signing out, as clients and their users meet it."""

import asyncio
import base64
import json
import re
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit
from uuid import UUID

import httpx2
import pytest

from app.audit.event import SYSTEM
from app.clients.service import NewCredentials
from app.foundation.engines.lock import Engines
from app.logout import queue
from app.oauth.logout import CONFIRM_PATH, LOGOUT_PATH
from app.protocols.oauth.registration import AuthMethod
from app.settings import Settings
from app.wiring import Services
from app.worker import Worker
from tests.conftest import settings_for
from tests.hosted.conftest import read
from tests.mailbox import working
from tests.oauth.conftest import ORIGIN, MakeClient
from tests.oauth.people_at_browsers import CALLBACK, FROM_OUR_PAGE, Browser, redeemed, refreshed
from tests.signing_keys.support import until
from tests.support import ISSUER, Events
from tests.webhooks.receiver import Receiver, answer, hang

pytestmark = pytest.mark.anyio

BYE = "https://client.example.com/bye"
FRONT = "https://client.example.com/front?x=1"
BACKCHANNEL_EVENT = "http://schemas.openid.net/event/backchannel-logout"


@pytest.fixture
def settings(database_url: str, engines: Engines) -> Settings:
    return settings_for(database_url, engines, http={"allow_private": ["127.0.0.0/8"]})


@pytest.fixture
async def browser(browser: Browser) -> Browser:
    """Petra has signed in."""
    await browser.sign_in()
    return browser


async def made_client(make_client: MakeClient, **stated: Any) -> NewCredentials:
    return await make_client(
        **{
            "name": "Parcel Lens",
            "grant_types": ("authorization_code", "refresh_token"),
            "redirect_uris": (CALLBACK,),
            "auth_method": AuthMethod.NONE,
            "targets": {"orders-api": ("orders:read",)},
            "post_logout_redirect_uris": (BYE,),
            "consent_required": False,
            **stated,
        }
    )


async def tokens_of(browser: Browser, made: NewCredentials, **changed: str) -> dict[str, Any]:
    """What a client gets for the person at this browser."""
    return await redeemed(browser, made, await browser.go(made.client_id, **changed))


def part(token: str, number: int) -> dict[str, Any]:
    text = token.split(".")[number]
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def altered(token: str, **claims: Any) -> str:
    head, _, signature = token.split(".")
    body = base64.urlsafe_b64encode(json.dumps({**part(token, 1), **claims}).encode()).rstrip(b"=").decode()
    return f"{head}.{body}.{signature}"


def unsigned(token: str) -> str:
    head = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
    return f"{head}.{token.split('.')[1]}."


async def is_signed_in(browser: Browser) -> bool:
    return (await browser.http.get("/auth/me")).status_code == 200


async def confirm(browser: Browser, page: httpx2.Response) -> httpx2.Response:
    """Press the button of the page that asks."""
    (sealed,) = re.findall(r'name="request" value="([^"]+)"', page.text)
    return await browser.http.post(CONFIRM_PATH, data={"request": sealed}, headers=FROM_OUR_PAGE)


async def ask(browser: Browser, **parameters: str) -> httpx2.Response:
    return await browser.http.get(LOGOUT_PATH, params=parameters)


async def csrf(browser: Browser) -> dict[str, str]:
    token = (await browser.http.get("/auth/csrf")).json()["csrf_token"]
    return {"Origin": ISSUER, "X-CSRF-Token": token}


async def none_open(services: Services) -> bool:
    async with services.db.transaction() as tx:
        rows = await tx.exec_driver_sql("SELECT count(*) FROM logout_notices WHERE state IN ('pending', 'sending')")
        return rows.scalar() == 0


async def waits_for_a_row(services: Services) -> bool:
    row = await services.db.fetchrow(
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')"
    )
    return row is not None and row[0]


async def passing(services: Services, step: timedelta, *, until_: Callable[[], Awaitable[object]]) -> None:
    """Let time pass until something is so."""
    async with asyncio.timeout(90):
        while not await until_():
            services.clock.offset += step
            await asyncio.sleep(0.3)


async def test_a_hint_of_the_live_session_signs_out_and_leads_back_to_the_client(
    browser: Browser, make_client: MakeClient, events: Events
):
    made = await made_client(make_client)
    tokens = await tokens_of(browser, made)
    answered = await ask(
        browser, id_token_hint=tokens["id_token"], post_logout_redirect_uri=BYE, state="a b&c", client_id=made.client_id
    )
    assert answered.status_code == 303, answered.text
    location = answered.headers["location"]
    assert location.startswith(f"{BYE}?")
    assert dict(parse_qsl(urlsplit(location).query)) == {"state": "a b&c"}
    assert not await is_signed_in(browser)
    assert (await refreshed(browser, made, tokens)).status_code == 400
    (ended,) = await events.of("session.revoked")
    assert (ended["details"]["sid"], ended["details"]["reason"]) == (part(tokens["id_token"], 1)["sid"], "logout")
    # Once it is over, the same request leads back again and asks nobody.
    again = await ask(browser, id_token_hint=tokens["id_token"], post_logout_redirect_uri=BYE)
    assert (again.status_code, again.headers["location"]) == (303, BYE)


@pytest.mark.spec("RP-Initiated Logout §2")
async def test_without_an_address_to_go_to_the_page_says_goodbye_and_a_state_goes_nowhere(
    browser: Browser, make_client: MakeClient
):
    made = await made_client(make_client)
    tokens = await tokens_of(browser, made)
    # By the state alone nobody is signed out without a question, and after it nobody is sent anywhere.
    page = await ask(browser, state="af0ifjsldkj")
    assert page.status_code == 200
    assert await is_signed_in(browser)
    page = await confirm(browser, page)
    assert page.status_code == 200
    assert "af0ifjsldkj" not in page.text
    assert "refresh" not in page.headers
    assert not await is_signed_in(browser)
    await browser.sign_in()
    tokens = await tokens_of(browser, made)
    # A hint of the live session with a state and no address: signed out at once, and the page says so.
    page = await ask(browser, id_token_hint=tokens["id_token"], state="af0ifjsldkj")
    assert page.status_code == 200
    assert "You are signed out" in page.text
    assert "af0ifjsldkj" not in page.text
    assert "refresh" not in page.headers
    assert not await is_signed_in(browser)


@pytest.mark.attack("OIP-01")
async def test_a_hint_that_proves_nothing_leads_nowhere_without_a_question(
    browser: Browser, make_client: MakeClient, services: Services
):
    made, other = await made_client(make_client), await made_client(make_client, name="Other")
    tokens, others = await tokens_of(browser, made), await tokens_of(browser, other)
    good = tokens["id_token"]
    await browser.http.post("/auth/logout", headers=await csrf(browser))
    await browser.sign_in()
    live = (await tokens_of(browser, made))["id_token"]
    bad = {
        "altered": altered(live, sub="somebody"),
        "unsigned": unsigned(live),
        "of another session": good,
        "no token": "nonsense",
        "an access token": tokens["access_token"],
    }
    for what, hint in bad.items():
        page = await ask(browser, id_token_hint=hint, post_logout_redirect_uri=BYE, client_id=made.client_id)
        assert page.status_code == 200, what
        assert "location" not in page.headers, what
        assert "Sign out?" in page.text, what
        assert await is_signed_in(browser), what
    # Of another client than it says: it leads nowhere even when the user says yes.
    page = await ask(browser, id_token_hint=others["id_token"], post_logout_redirect_uri=BYE, client_id=made.client_id)
    assert "Parcel Lens" not in page.text
    services.clock.offset += timedelta(hours=2)
    await browser.sign_in()
    page = await ask(browser, id_token_hint=live, post_logout_redirect_uri=BYE)
    assert page.status_code == 200
    assert "Parcel Lens" in page.text
    answered = await confirm(browser, page)
    assert (answered.status_code, answered.headers["location"]) == (303, BYE)
    assert not await is_signed_in(browser)
    # Nobody is signed in and the hint proves nothing: a link, and no redirect.
    page = await ask(browser, id_token_hint=altered(live, sub="x"), post_logout_redirect_uri=BYE)
    assert (page.status_code, "location" in page.headers) == (200, False)
    assert f'href="{BYE}"' in page.text


@pytest.mark.attack("OIP-02")
async def test_an_address_that_is_not_registered_is_never_gone_to(browser: Browser, make_client: MakeClient):
    made = await made_client(make_client)
    for uri in (
        *("https://evil.example/bye", f"{BYE}?added=1", f"{BYE}/", "javascript:alert(1)", "//evil.example", CALLBACK),
        *("https://client.example.com:443/bye", "https://client.example.com/bye#x", "data:text/html,x"),
    ):
        await browser.sign_in()
        hint = (await tokens_of(browser, made))["id_token"]
        page = await ask(browser, id_token_hint=hint, post_logout_redirect_uri=uri)
        assert (page.status_code, "location" in page.headers, "refresh" in page.headers) == (200, False, False), uri
        assert uri not in page.text, uri
        assert not await is_signed_in(browser)
        page = await ask(browser, id_token_hint=hint, post_logout_redirect_uri=uri)
        assert (page.status_code, "location" in page.headers) == (200, False), uri


async def test_without_a_hint_the_user_is_asked_and_only_our_own_page_may_say_yes(
    browser: Browser, make_client: MakeClient
):
    made = await made_client(make_client)
    page = await ask(browser, client_id=made.client_id, post_logout_redirect_uri=BYE, state="s")
    assert "Parcel Lens asks to sign you out" in page.text
    assert "https://client.example.com" in page.headers["content-security-policy"]
    (sealed,) = re.findall(r'name="request" value="([^"]+)"', page.text)
    foreign = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    refused = await browser.http.post(CONFIRM_PATH, data={"request": sealed}, headers=foreign)
    assert refused.status_code == 403
    assert await is_signed_in(browser)
    answered = await confirm(browser, page)
    assert answered.headers["location"] == f"{BYE}?state=s"
    assert not await is_signed_in(browser)


async def test_a_client_may_ask_by_a_form_and_its_token_stands_in_no_address(browser: Browser, make_client: MakeClient):
    made = await made_client(make_client)
    tokens = await tokens_of(browser, made)
    form = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": BYE}
    answered = await browser.http.post(LOGOUT_PATH, data=form, headers={"Origin": "https://client.example.com"})
    assert answered.status_code == 303
    location = answered.headers["location"]
    assert location.startswith(f"{LOGOUT_PATH}?request=")
    assert tokens["id_token"] not in location
    answered = await browser.get(location)
    assert (answered.status_code, answered.headers["location"]) == (303, BYE)
    assert not await is_signed_in(browser)


async def test_clients_told_in_the_browser_are_framed_by_the_page_that_says_goodbye(
    browser: Browser, make_client: MakeClient
):
    made = await made_client(make_client, frontchannel_logout_uri=FRONT, frontchannel_logout_session_required=True)
    tokens = await tokens_of(browser, made)
    page = await ask(browser, id_token_hint=tokens["id_token"], post_logout_redirect_uri=BYE)
    assert page.status_code == 200
    (frame,) = re.findall(r'<iframe[^>]+src="([^"]+)"', page.text)
    query = parse_qs(urlsplit(frame.replace("&amp;", "&")).query)
    assert query == {"x": ["1"], "iss": [ISSUER], "sid": [part(tokens["id_token"], 1)["sid"]]}
    policy = page.headers["content-security-policy"]
    assert "; frame-src https://client.example.com" in policy
    assert "script-src" not in policy
    assert page.headers["refresh"] == f"3;url={BYE}"
    assert not await is_signed_in(browser)


async def test_the_page_that_says_goodbye_names_the_clients_of_this_session_and_no_others(
    browser: Browser, make_client: MakeClient, services: Services
):
    back = await made_client(make_client, name="By Back", backchannel_logout_uri="http://127.0.0.1:9/out")
    front = await made_client(make_client, name="By Front", frontchannel_logout_uri=FRONT)
    never = await made_client(make_client, name="By Nothing")
    gone = await made_client(make_client, name="Switched Off")
    await made_client(make_client, name="Never Used", backchannel_logout_uri="http://127.0.0.1:9/out")
    asking = await made_client(make_client)
    for made in (back, front, never, gone):
        await tokens_of(browser, made)
    other = Browser(services)
    await other.sign_in()
    await tokens_of(other, await made_client(make_client, name="Of Another Session"))
    async with services.db.transaction() as tx:
        await services.clients.disable(tx, gone.client_id, actor=SYSTEM, origin=ORIGIN)
    hint = (await tokens_of(browser, asking))["id_token"]
    page = read(await ask(browser, id_token_hint=hint))
    assert page.heading == "You are signed out of Parcel Lens"
    told, _, untold = page.words.partition("These apps can’t be told")
    assert "These apps sign you out as well By Back By Front" in told
    assert "By Nothing" in untold
    for name in ("Switched Off", "Never Used", "Of Another Session"):
        assert name not in page.words
    assert page.words.count("Parcel Lens") == 1
    # Whoever comes again, or in another language, learns of nobody's clients.
    assert all(link.startswith(f"{LOGOUT_PATH}?") for link in page.links if "ui_locales" in link)
    again = read(await ask(browser, ui_locales="de"))
    assert (again.heading, "By Back" in again.words) == ("Sie sind abgemeldet", False)
    await other.http.aclose()


@pytest.mark.attack("OIP-03")
async def test_every_end_of_a_session_reaches_each_client_that_signed_in_under_it(
    browser: Browser, make_client: MakeClient, receiver: Receiver, services: Services
):
    told = await made_client(make_client, backchannel_logout_uri=receiver.url("/a"))
    also = await made_client(make_client, name="Also", backchannel_logout_uri=receiver.url("/b"))
    await made_client(make_client, name="Never used", backchannel_logout_uri=receiver.url("/c"))
    sids = []
    async with working(Worker(services)):
        for everywhere in (False, True):
            tokens = await tokens_of(browser, told)
            more = await tokens_of(browser, also)
            sids.append(part(tokens["id_token"], 1)["sid"])
            left = await browser.http.post("/auth/logout", json={"everywhere": everywhere}, headers=await csrf(browser))
            assert left.status_code == 204
            assert (await refreshed(browser, told, tokens)).status_code == 400
            assert (await refreshed(browser, also, more)).status_code == 400

            await until(lambda: len(receiver.taken) == 2 * len(sids), seconds=60)
            await browser.sign_in()
        hinted = await tokens_of(browser, told)
        sids.append(part(hinted["id_token"], 1)["sid"])
        await ask(browser, id_token_hint=hinted["id_token"])
        await until(lambda: len(receiver.taken) == 5, seconds=60)
        # Nobody ends this one: it is over because nobody came.
        await browser.sign_in()
        unused = await tokens_of(browser, told)
        sids.append(part(unused["id_token"], 1)["sid"])
        services.clock.offset += timedelta(hours=2)
        assert await services.registry.collector.collect_run_out() == 1
        assert await services.registry.collector.collect_run_out() == 0
        await until(lambda: len(receiver.taken) == 6, seconds=60)
    assert {each.path for each in receiver.requests} == {"/a", "/b"}
    seen = []
    for each in receiver.requests:
        assert each.headers["content-type"] == "application/x-www-form-urlencoded"
        ((name, token),) = parse_qsl(each.content.decode())
        assert name == "logout_token"
        head, claims = part(token, 0), part(token, 1)
        assert (head["typ"], head["alg"]) == ("logout+jwt", "RS256")
        assert claims["aud"] == {"/a": told.client_id, "/b": also.client_id}[each.path]
        assert claims["iss"] == ISSUER
        assert claims["events"] == {BACKCHANNEL_EVENT: {}}
        assert claims["exp"] - claims["iat"] == 120
        assert "nonce" not in claims
        assert claims["sub"]
        seen.append((each.path, claims["sid"], claims["jti"]))
    assert sorted(sid for path, sid, _ in seen if path == "/a") == sorted(sids)
    assert len({jti for _, _, jti in seen}) == len(seen)


@pytest.mark.attack("OIP-04")
async def test_receivers_that_fail_delay_no_sign_out_and_are_told_again(
    browser: Browser, make_client: MakeClient, receiver: Receiver, services: Services
):
    trap = receiver.url("/trap")
    receiver.answers = {
        "/broken": answer("500 Internal Server Error"),
        "/hangs": hang,
        "/moved": answer("302 Found", b"", f"Location: {trap}"),
    }
    for path in ("/broken", "/hangs", "/moved", "/well"):
        made = await made_client(make_client, name=path, backchannel_logout_uri=receiver.url(path))
        tokens = await tokens_of(browser, made)
    async with working(Worker(services)):
        started = time.monotonic()
        left = await ask(browser, id_token_hint=tokens["id_token"], post_logout_redirect_uri=BYE)
        took = time.monotonic() - started
        assert (left.status_code, left.headers["location"]) == (303, BYE)
        await until(lambda: len(receiver.sent_to("/well")) == 1, seconds=60)
        await until(lambda: {each.path for each in receiver.requests} >= set(receiver.answers), seconds=60)
        # What waits for its answer has seconds to come: the sign-out has not waited for it.
        assert took < 4
        receiver.answers.clear()
        await passing(services, timedelta(seconds=20), until_=lambda: none_open(services))
    assert {each.path for each in receiver.taken} == {"/broken", "/hangs", "/moved", "/well"}
    assert receiver.sent_to("/trap") == []


async def test_notice_that_nobody_takes_ends_and_is_recorded(
    browser: Browser, make_client: MakeClient, services: Services, events: Events
):
    made = await made_client(make_client, backchannel_logout_uri="http://127.0.0.1:9/out")
    tokens = await tokens_of(browser, made)
    async with working(Worker(services)):
        await ask(browser, id_token_hint=tokens["id_token"])
        await passing(services, timedelta(hours=1), until_=lambda: events.of("logout.undelivered"))
    (entry,) = await events.of("logout.undelivered")
    assert entry["details"]["client_id"] == made.client_id
    assert tokens["id_token"] not in str(entry)


async def test_a_notice_that_ends_while_another_worker_claims_it_stays_ended(
    browser: Browser, make_client: MakeClient, services: Services
):
    made = await made_client(make_client, backchannel_logout_uri="http://127.0.0.1:9/out")
    await tokens_of(browser, made)
    services.clock.offset += timedelta(hours=2)
    assert await services.registry.collector.collect_run_out() == 1
    late = services.clock.now() + timedelta(minutes=1)

    async def claimed(now: datetime) -> list[UUID]:
        async with services.db.transaction() as tx:
            rows = await queue.claim(tx, now=now, lease=now + timedelta(seconds=15), concurrency=8, most=9)
        return [row.id for row in rows]

    (notice,) = await claimed(services.clock.now())
    async with services.db.transaction() as tx:
        end = {"state": "dead", "due": late, "ended": late, "status": None, "failure": "refused"}
        assert await queue.settle(tx, notice, attempts=1, **end)
        # Its lease is over, so another worker wants it, and waits for the row.
        again = asyncio.create_task(claimed(late))
        await passing(services, timedelta(), until_=lambda: waits_for_a_row(services))
    assert await again == []
    assert await none_open(services)


async def test_a_notice_outlives_the_worker_that_had_it_in_hand_and_two_workers_send_it_once(
    browser: Browser, make_client: MakeClient, receiver: Receiver, services: Services
):
    made = await made_client(make_client, backchannel_logout_uri=receiver.url("/a"))
    await tokens_of(browser, made)
    services.clock.offset += timedelta(hours=2)
    assert await services.registry.collector.collect_run_out() == 1
    # Taken in hand by somebody who is never heard of again.
    now = services.clock.now()
    async with services.db.transaction() as tx:
        assert len(await queue.claim(tx, now=now, lease=now + timedelta(seconds=15), concurrency=8, most=9)) == 1
        assert await queue.claim(tx, now=now, lease=now + timedelta(seconds=15), concurrency=8, most=9) == []
    services.clock.offset += timedelta(seconds=20)
    async with working(Worker(services)), working(Worker(services)):
        await passing(services, timedelta(), until_=lambda: none_open(services))
    assert len(receiver.requests) == 1


@pytest.mark.attack("OIP-09")
async def test_no_frame_and_no_message_tells_whether_somebody_is_signed_in(api: httpx2.AsyncClient) -> None:
    """Session status is asked of no iframe of ours: there is none, none is announced, and no script of ours listens."""
    announced = (await api.get("/.well-known/openid-configuration")).json()
    assert [name for name in announced if "iframe" in name or "check_session" in name] == []
    for path in ("/oauth/check_session", "/oauth/session", "/connect/checksession"):
        answer = await api.get(path, headers={"Origin": "https://evil.example"})
        assert (answer.status_code, "access-control-allow-origin" in answer.headers) == (404, False)
    for script in (Path(__file__).parents[2] / "app" / "static").glob("*.js"):
        assert re.findall(r"postMessage|[\"']message[\"']", script.read_text()) == [], script.name
