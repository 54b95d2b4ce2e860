"""From the client's request through the pages of the sign-in to the code, by a browser without JavaScript."""

from collections.abc import AsyncIterator
from datetime import timedelta
from urllib.parse import urlencode

import httpx2
import pytest

from app.main import create_app
from app.protocols.oauth.registration import AuthMethod
from app.wiring import Services
from tests.hosted.conftest import Surfer
from tests.oauth.conftest import MakeClient
from tests.oauth.people_at_browsers import AUTHORIZE, CALLBACK, FROM_OUR_PAGE, VERIFIER, asked, error_of, members
from tests.support import ISSUER, PASSWORD, Events, People, claims_of, suspend

pytestmark = pytest.mark.anyio

PETRA = "petra@example.com"


@pytest.fixture
async def trusted_id(make_client: MakeClient) -> str:
    """A client that the operator vouches for, so that nobody is asked."""
    made = await make_client(
        name="Intranet",
        grant_types=("authorization_code",),
        redirect_uris=(CALLBACK,),
        auth_method=AuthMethod.NONE,
        consent_required=False,
        targets={},
    )
    return made.client_id


@pytest.fixture
async def petra(services: Services) -> AsyncIterator[Surfer]:
    """Petra, who has an account and is not signed in."""
    transport = httpx2.ASGITransport(create_app(services=services))
    async with httpx2.AsyncClient(transport=transport, base_url=ISSUER) as client:
        await People(client).sign_up(PETRA)
        yield Surfer(client)


def request_of(client_id: str, **changed: str | None) -> str:
    return f"{AUTHORIZE}?{urlencode(asked(client_id, **changed))}"


async def go_on(petra: Surfer) -> httpx2.Response:
    """Follow the sign-in's last redirect, which leads back to the authorization."""
    assert petra.went_to.startswith(f"{AUTHORIZE}/resume?flow="), petra.went_to
    return await petra.client.get(petra.went_to)


async def auth_time(petra: Surfer, trusted_id: str, answer: httpx2.Response) -> int:
    """When the user signed in, as the ID token says it."""
    form = {"grant_type": "authorization_code", "code": members(answer)["code"], "redirect_uri": CALLBACK}
    tokens = await petra.client.post(
        "/oauth/token", data={**form, "client_id": trusted_id, "code_verifier": VERIFIER}, headers={"Cookie": ""}
    )
    assert tokens.status_code == 200, tokens.text
    told: int = claims_of(tokens.json()["id_token"])["auth_time"]
    return told


@pytest.mark.attack("AUT-17")
@pytest.mark.attack("AUT-20")
@pytest.mark.spec("OpenID Connect Core §3.1.2.1")
async def test_prompt_login_and_max_age_ask_for_a_new_sign_in(petra: Surfer, trusted_id: str, services: Services):
    page = await petra.open(request_of(trusted_id, login_hint=PETRA, prompt="login"))
    assert page.heading == "Sign in to Intranet"
    assert page.form("identify").fields["email"] == PETRA
    await petra.submit("identify")
    await petra.submit("password", password=PASSWORD)
    assert petra.trail[-1].status_code == 303
    first = await auth_time(petra, trusted_id, await go_on(petra))
    # A live session answers by itself, for as long as it is young enough.
    await petra.open(request_of(trusted_id))
    assert members(petra.trail[-1])["code"]
    services.clock.offset += timedelta(seconds=100)
    await petra.open(request_of(trusted_id, max_age="1000"))
    assert await auth_time(petra, trusted_id, petra.trail[-1]) == first
    answer = await petra.client.get(request_of(trusted_id, max_age="50", prompt="none"))
    assert error_of(answer) == "login_required"
    for stricter in ({"max_age": "50"}, {"prompt": "login"}, {"max_age": "0"}):
        services.clock.offset += timedelta(seconds=60)
        before = services.clock.now()
        page = await petra.open(request_of(trusted_id, **stricter))
        step = next(form.fields["step"] for form in page.forms if "password" in form.fields)
        # Whoever comes back without having proven anything is sent there again.
        flow_id = await only_pending(services)
        back = await petra.client.get(f"{AUTHORIZE}/resume?flow={flow_id}")
        assert back.headers["location"].startswith("/login?flow="), stricter
        await petra.submit(step, password=PASSWORD)
        assert await auth_time(petra, trusted_id, await go_on(petra)) >= int(before.timestamp()), stricter


async def only_pending(services: Services) -> str:
    async with services.db.transaction() as tx:
        (flow_id,) = (await tx.exec_driver_sql("SELECT id FROM flows WHERE outcome = 'pending'")).scalars()
    return str(flow_id)


async def test_an_app_that_asks_for_another_user_does_not_get_this_one(
    petra: Surfer, trusted_id: str, api: httpx2.AsyncClient, people: People
):
    other = await people.sign_up("otto@example.com")
    await petra.open(request_of(trusted_id))
    await petra.submit("identify", email=PETRA)
    await petra.submit("password", password=PASSWORD)
    answer = await go_on(petra)
    form = {"grant_type": "authorization_code", "code": members(answer)["code"], "redirect_uri": CALLBACK}
    tokens = await api.post("/oauth/token", data={**form, "client_id": trusted_id, "code_verifier": VERIFIER})
    hint = tokens.json()["id_token"]
    await petra.open(request_of(trusted_id, prompt="none", id_token_hint=hint))
    assert members(petra.trail[-1])["code"]
    elsewhere = f'{{"id_token":{{"sub":{{"value":"{other["sub"]}"}}}}}}'
    await petra.open(request_of(trusted_id, prompt="none", claims=elsewhere))
    assert error_of(petra.trail[-1]) == "login_required"
    for bad in (hint[:-4] + "AAAA", tokens.json()["access_token"], "x" * 5000):
        await petra.open(request_of(trusted_id, prompt="none", id_token_hint=bad))
        assert error_of(petra.trail[-1]) == "invalid_request"


async def test_an_account_is_chosen_where_the_app_wants_that(petra: Surfer, trusted_id: str):
    await petra.open(request_of(trusted_id))
    await petra.submit("identify", email=PETRA)
    await petra.submit("password", password=PASSWORD)
    await go_on(petra)
    page = await petra.open(request_of(trusted_id, prompt="select_account"))
    assert PETRA in page.words
    step = next(form.fields["step"] for form in page.forms)
    await petra.submit(step)
    assert members(await go_on(petra))["code"]


async def test_a_session_that_ended_meanwhile_gets_no_code(
    petra: Surfer, app_id: str, services: Services, events: Events
):
    await petra.open(request_of(app_id))
    await petra.submit("identify", email=PETRA)
    await petra.submit("password", password=PASSWORD)
    question = await petra.client.get((await go_on(petra)).headers["location"])
    assert "Allow Parcel Lens" in question.text
    await suspend(services, (await petra.client.get("/auth/me")).json()["sub"])
    fields = {"flow": await only_pending(services), "decision": "allow"}
    token = question.text.partition('name="csrf_token" value="')[2].partition('"')[0]
    answer = await petra.client.post("/oauth/consent", data={**fields, "csrf_token": token}, headers=FROM_OUR_PAGE)
    assert answer.headers["location"].startswith("/login?flow=")
    assert await events.of("consent.granted") == []


@pytest.mark.attack("AUT-12")
@pytest.mark.attack("TOK-06")
async def test_an_exempt_client_needs_a_nonce_instead_and_only_a_confidential_one_is_exempt(
    petra: Surfer, make_client: MakeClient, api: httpx2.AsyncClient
):
    exempt = await make_client(
        grant_types=("authorization_code",),
        redirect_uris=(CALLBACK,),
        pkce_required=False,
        consent_required=False,
        targets={},
    )
    await petra.open("/login")
    await petra.submit("identify", email=PETRA)
    await petra.submit("password", password=PASSWORD)
    bare = {"code_challenge": None, "code_challenge_method": None}
    await petra.open(request_of(exempt.client_id, **bare))
    assert error_of(petra.trail[-1]) == "invalid_request"
    await petra.open(request_of(exempt.client_id, **bare, nonce="n-0S6_WzA2Mj"))
    form = {"grant_type": "authorization_code", "code": members(petra.trail[-1])["code"], "redirect_uri": CALLBACK}
    auth = (exempt.client_id, exempt.raw_secret or "")
    answer = await api.post("/oauth/token", data={**form, "code_verifier": VERIFIER}, auth=auth)
    assert answer.json()["error"] == "invalid_grant"


@pytest.mark.attack("AUT-23")
async def test_there_is_no_registration_by_clients_themselves(api: httpx2.AsyncClient):
    answer = await api.post("/oauth/register", json={"redirect_uris": [CALLBACK]})
    assert answer.status_code == 404
