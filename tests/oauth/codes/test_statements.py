"""How often redeeming a code and asking who signed in ask the database, counted."""

import httpx2
import pytest

from app.protocols.oauth.registration import AuthMethod
from app.wiring import Services
from tests.oauth.conftest import MakeClient
from tests.oauth.people_at_browsers import CALLBACK, VERIFIER, Browser, members
from tests.statements import count
from tests.support import bearer

pytestmark = pytest.mark.anyio


async def test_a_code_is_redeemed_and_a_person_told_of_by_one_statement_each(
    browser: Browser, make_client: MakeClient, services: Services
):
    await browser.sign_in()
    made = await make_client(
        grant_types=("authorization_code", "refresh_token"),
        redirect_uris=(CALLBACK,),
        auth_method=AuthMethod.NONE,
        targets={"orders-api": ("orders:read",)},
        consent_required=False,
    )
    codes = [members(await browser.go(made.client_id))["code"] for _ in range(3)]
    answers: list[httpx2.Response] = []

    async def redeem() -> httpx2.Response:
        form = {"grant_type": "authorization_code", "code": codes.pop(), "redirect_uri": CALLBACK}
        proof = {"client_id": made.client_id, "code_verifier": VERIFIER}
        answers.append(await browser.http.post("/oauth/token", data={**form, **proof}))
        return answers[-1]

    redeeming = await count(services, redeem)
    tokens = answers[-1].json()
    browser.http.cookies.clear()
    telling = await count(services, lambda: browser.http.get("/oauth/userinfo", headers=bearer(tokens)))
    assert redeeming.counts == ([], 1), redeeming
    assert telling.counts == ([], 1), telling
