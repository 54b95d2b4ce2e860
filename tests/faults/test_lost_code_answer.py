"""The answer to the redemption of a code is lost after its commit, and the client brings the code again."""

import asyncio
import base64
import hashlib
import json
from urllib.parse import parse_qs, urlsplit

import asyncpg
import httpx2
import pytest

from tests.cli.running import run
from tests.faults.conftest import Deploy
from tests.faults.deployment import Deployment, length
from tests.faults.ledger import halves
from tests.faults.proxy import Fault, Proxy
from tests.faults.table import note
from tests.support import PASSWORD, bearer

pytestmark = pytest.mark.anyio

ANN = {"email": "ann@example.com", "password": PASSWORD}
CALLBACK = "https://app.example.com/callback"
TOKEN = "/oauth/token"
SESSION = "__Host-session"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
# With the second the client gets a session of its own.
SCOPES = ("openid orders:read", "openid orders:read offline_access")
Credentials = tuple[str, str]


@pytest.mark.attack("TOK-01")
@pytest.mark.fault("F25")
async def test_a_code_whose_answer_was_lost_is_refused_and_what_it_opened_dies(deployment: Deployment) -> None:
    rounds, accepted = int(length(15, 500)), 0
    app = register(deployment)
    with Proxy(("127.0.0.1", deployment.port)) as lossy:
        async with (
            httpx2.AsyncClient(base_url=deployment.url, timeout=20) as browser,
            httpx2.AsyncClient(
                base_url=f"http://127.0.0.1:{lossy.port}", timeout=20, headers={"Connection": "close"}
            ) as client,
        ):
            await sign_in(browser)
            for turn in range(rounds):
                code = await code_for(browser, app, SCOPES[turn % 2])
                lossy.set(Fault.SWALLOW)
                with pytest.raises(httpx2.TransportError):
                    await redeem(client, app, code)
                tokens = answered(lossy)
                lossy.set(Fault.PASS)
                assert (await client.get("/auth/validate", headers=bearer(tokens))).status_code == 200
                # Two at once and one after: all three are the retry of one client.
                answers = await asyncio.gather(redeem(client, app, code), redeem(client, app, code))
                answers.append(await redeem(client, app, code))
                for answer in answers:
                    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant"), answer.text
                accepted += (await client.get("/auth/validate", headers=bearer(tokens))).status_code != 401
                accepted += (await refresh(client, app, tokens)).status_code != 400
            # It is the app's tokens that died: the person is signed in, and the app may ask again.
            again = await redeem(client, app, await code_for(browser, app, SCOPES[0]))
            assert again.status_code == 200, again.text
    opened, doubled = await opened_by_codes(deployment)
    note(f"F25 ({rounds} codes)", requests=6 * rounds, lost=0, doubled=doubled + accepted)
    print(f"F25: {rounds} answers to codes lost, {opened} grants opened, {doubled} twice, {accepted} tokens accepted")
    assert (opened, doubled, accepted) == (rounds + 1, 0, 0)
    assert await halves(deployment.database) == {}
    assert deployment.unexpected() == []


@pytest.mark.fault("F25")
async def test_a_code_whose_commit_the_service_itself_lost_sight_of_opens_one_grant_at_most(
    deploy: Deploy, proxy: Proxy
) -> None:
    deployment, rounds, answered_once = await deploy(through=proxy), int(length(6, 100)), 0
    app = register(deployment)
    async with (
        httpx2.AsyncClient(base_url=deployment.url, timeout=20) as browser,
        httpx2.AsyncClient(base_url=deployment.url, timeout=20) as client,
    ):
        await sign_in(browser)
        for turn in range(rounds):
            code = await code_for(browser, app, SCOPES[turn % 2])
            # From before it, or in the middle: wherever the database is lost.
            first = asyncio.create_task(redeem(client, app, code))
            await asyncio.sleep(0.005 * (turn % 6))
            proxy.set(Fault.RESET)
            status = (await first).status_code
            assert status in {200, 503}
            proxy.set(Fault.PASS)
            answer = await redeem(client, app, code)
            assert answer.status_code in ({400} if status == 200 else {200, 400}), answer.text
            answered_once += 200 in {status, answer.status_code}
    opened, doubled = await opened_by_codes(deployment)
    note("F25 (codes, database)", requests=2 * rounds, lost=0, doubled=doubled)
    print(f"F25 (database): {rounds} codes, {opened} opened a grant, {answered_once} answered, {doubled} twice")
    assert answered_once <= opened <= rounds
    assert doubled == 0
    assert await halves(deployment.database) == {}
    assert deployment.unexpected() == []


def register(deployment: Deployment) -> Credentials:
    """An app for which nobody is asked."""
    options = ("--name", "shop", "--redirect-uri", CALLBACK, "--audience", "orders-api", "--scope", "orders:read")
    ran = run("create-client", *options, "--trusted", "--json", environment=deployment.environment)
    assert ran.returncode == 0, ran.stderr
    made = json.loads(ran.stdout)
    return made["client_id"], made["client_secret"]


async def sign_in(browser: httpx2.AsyncClient) -> None:
    """Ann's browser holds her session from now on."""
    assert (await browser.post("/auth/signup", json=ANN)).status_code == 201
    headers = {"Origin": str(browser.base_url).rstrip("/")}
    answer = await browser.post("/auth/login?transport=cookie", json=ANN, headers=headers)
    assert answer.status_code == 200, answer.text
    # Browsers send Secure cookies to localhost; this one would not.
    browser.headers["Cookie"] = f"{SESSION}={browser.cookies[SESSION]}"


async def code_for(browser: httpx2.AsyncClient, app: Credentials, scope: str) -> str:
    asked = {
        "client_id": app[0],
        "redirect_uri": CALLBACK,
        "response_type": "code",
        "scope": scope,
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    answer = await browser.get("/oauth/authorize", params=asked)
    assert answer.status_code == 303, answer.text
    found = parse_qs(urlsplit(answer.headers["location"]).query)
    assert "code" in found, answer.headers["location"]
    return found["code"][0]


async def redeem(client: httpx2.AsyncClient, app: Credentials, code: str) -> httpx2.Response:
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
    return await client.post(TOKEN, data=form, auth=app)


async def refresh(client: httpx2.AsyncClient, app: Credentials, tokens: dict[str, str]) -> httpx2.Response:
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    return await client.post(TOKEN, data=form, auth=app)


def answered(lossy: Proxy) -> dict[str, str]:
    """The tokens in the one answer that its client did not get."""
    head, _, body = lossy.swallowed.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), head
    return json.loads(body)


async def opened_by_codes(deployment: Deployment) -> tuple[int, int]:
    """How many codes opened a grant, and how many grants more than that there are."""
    connection = await asyncpg.connect(deployment.database)
    try:
        redeemed = await connection.fetchval("SELECT count(*) FROM audit_entries WHERE type = 'code.redeemed'")
        opened = await connection.fetchval("SELECT count(grant_row_id) FROM authorization_codes")
        grants = await connection.fetchval("SELECT count(*) FROM grants WHERE client_id LIKE 'c\\_%'")
    finally:
        await connection.close()
    assert redeemed == opened
    return opened, max(0, grants - opened)
