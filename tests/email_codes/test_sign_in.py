"""Signing in by a mailed code: what it gives, and how it joins the rest of the sign-in."""

import httpx2
import pytest
from sqlalchemy import text

from app.foundation.engines.lock import Engines
from app.settings import Settings
from app.wiring import Services
from tests.browser_transport.browser import Browser
from tests.conftest import settings_for
from tests.email_codes.support import ANN, Mailed, other
from tests.second_factors.support import Ann
from tests.support import ISSUER, PASSWORD, Events, bearer, claims_of, problem

pytestmark = pytest.mark.anyio


async def test_a_mailed_code_signs_in_and_says_so_in_the_token(mailed: Mailed, events: Events) -> None:
    user = await mailed.people.sign_up()
    answer = await mailed.request()
    assert answer.status_code == 202
    assert set(answer.json()) == {"challenge_id", "expires_in"}
    assert answer.json()["expires_in"] == 600
    assert len(answer.json()["challenge_id"]) == 43
    assert answer.headers["cache-control"] == "no-store"
    tokens = await mailed.verify(answer.json()["challenge_id"], await mailed.code(), audience="orders-api")
    assert tokens.status_code == 200, tokens.text
    claims = claims_of(tokens.json()["access_token"])
    assert (claims["sub"], claims["aud"]) == (user["sub"], "orders-api")
    assert (claims["amr"], claims["acr"]) == (["email"], "aal1")
    [created] = await events.of("session.created")
    assert (created["subject"], created["details"]["amr"]) == (user["sub"], ["email"])
    [asked] = await events.of("login.code_requested")
    assert (asked["subject"], asked["details"]["mailed"]) == (user["sub"], True)


async def test_the_mail_is_in_the_language_of_whoever_asks_and_can_be_disowned(mailed: Mailed) -> None:
    await mailed.people.sign_up()
    await mailed.request(headers={"Accept-Language": "de"})
    mail = await mailed.mailbox.wait_for(to=ANN)
    assert mail.subject == "Ihr Anmeldecode"
    assert "/not-me?token=" in mail.wasnt_me_link


async def test_an_address_in_another_spelling_is_the_same_address(mailed: Mailed) -> None:
    await mailed.people.sign_up()
    challenge_id = await mailed.ask("ANN@Example.COM")
    # It goes to the address as its owner typed it.
    assert (await mailed.verify(challenge_id, await mailed.code(ANN))).status_code == 200


async def test_a_mailed_code_verifies_the_address(mailed: Mailed, events: Events) -> None:
    await mailed.people.sign_up()
    tokens = (await mailed.verify(*await mailed.asked())).json()
    me = await mailed.api.get("/auth/me", headers=bearer(tokens))
    assert me.json()["email_verified"] is True
    assert [entry["details"]["changed"] for entry in await events.of("user.updated")] == ["email_verified"]
    # Verification is not required here, so the account was in use before, and its password stays.
    await mailed.people.log_in()


async def test_spaces_in_a_typed_code_do_not_matter(mailed: Mailed) -> None:
    await mailed.people.sign_up()
    challenge_id, code = await mailed.asked()
    assert (await mailed.verify(challenge_id, f" {code[:3]} {code[3:]} ")).status_code == 200


async def test_a_wrong_target_costs_no_try(mailed: Mailed) -> None:
    await mailed.people.sign_up()
    challenge_id, code = await mailed.asked()
    for _ in range(6):
        problem(await mailed.verify(challenge_id, code, audience="no-such-api"), 400, "invalid_target")
        problem(await mailed.verify(challenge_id, code, scope="no:such"), 400, "invalid_scope")
    assert (await mailed.verify(challenge_id, code)).status_code == 200


async def test_whoever_has_a_second_factor_must_show_it(mailed: Mailed, services: Services, events: Events) -> None:
    ann = await Ann(mailed.api, mailed.people, services).signs_up()
    await ann.enrols_totp()
    asked = problem(await mailed.verify(*await mailed.asked(), audience="orders-api"), 403, "mfa_required")
    assert (asked["step"], asked["factors"]) == ("verify", ["totp", "recovery_code"])
    refused = await mailed.api.post(
        "/auth/mfa/verify", json={"mfa_token": asked["mfa_token"], "factor": "email_code", "code": "123456"}
    )
    problem(refused, 400, "factor_not_offered")
    claims = claims_of((await ann.verifies(asked["mfa_token"], code=ann.code())).json()["access_token"])
    assert (claims["aud"], claims["amr"], claims["acr"]) == ("orders-api", ["email", "otp", "mfa"], "aal2")
    assert len(await events.of("session.created")) == 2


async def test_a_browser_gets_cookies_and_its_code_is_bound_to_it(mailed: Mailed) -> None:
    await mailed.people.sign_up()
    browser = Browser(mailed.api, ISSUER)
    origin = {"Origin": ISSUER}
    asked = await mailed.api.post(
        "/auth/otp/request?transport=cookie", json={"email": ANN, "purpose": "login"}, headers=origin
    )
    binding = browser.cookie("challenge")
    assert binding
    assert "HttpOnly" in asked.headers["set-cookie"]
    body = {"challenge_id": asked.json()["challenge_id"], "code": await mailed.code()}

    async def verify(path: str = "/auth/otp/verify?transport=cookie") -> httpx2.Response:
        return await mailed.api.post(path, json=body, headers=origin)

    browser.put("challenge", "another-browser")
    problem(await verify(), 401, "invalid_code")
    mailed.api.cookies.clear()
    problem(await verify(), 401, "invalid_code")
    problem(await verify("/auth/otp/verify"), 401, "invalid_code")
    browser.put("challenge", binding)
    answer = await verify()
    assert answer.status_code == 200, answer.text
    assert "access_token" not in answer.json()
    assert await browser.is_signed_in()
    assert browser.cookie("challenge") is None


async def test_a_challenge_without_a_browser_signs_no_browser_in(mailed: Mailed) -> None:
    """Or a stranger's challenge and code would sign the browser in as that stranger."""
    await mailed.people.sign_up()
    challenge_id, code = await mailed.asked()
    answer = await mailed.api.post(
        "/auth/otp/verify?transport=cookie",
        json={"challenge_id": challenge_id, "code": code},
        headers={"Origin": ISSUER},
    )
    problem(answer, 401, "invalid_code")
    assert (await mailed.verify(challenge_id, code)).status_code == 200


async def test_another_site_cannot_ask_for_or_use_a_browsers_code(mailed: Mailed) -> None:
    for path, body in (
        ("request", {"email": ANN, "purpose": "login"}),
        ("verify", {"challenge_id": "x", "code": "123456"}),
    ):
        answer = await mailed.api.post(
            f"/auth/otp/{path}?transport=cookie", json=body, headers={"Origin": "https://evil.example"}
        )
        problem(answer, 403, "csrf_failed")


class TestWhereVerificationIsRequired:
    @pytest.fixture
    def settings(self, database_url: str, engines: Engines) -> Settings:
        return settings_for(database_url, engines, accounts={"hide_existence": True})

    async def test_what_was_set_up_before_the_proof_ends_with_it(self, mailed: Mailed, services: Services) -> None:
        """A stranger who signed up with Ann's address does not get in by their password once she has come."""
        await mailed.api.post("/auth/signup", json={"email": ANN, "password": PASSWORD})
        assert (await mailed.verify(*await mailed.asked())).status_code == 200
        problem(
            await mailed.api.post("/auth/login", json={"email": ANN, "password": PASSWORD}), 401, "invalid_credentials"
        )

    async def test_a_verified_account_keeps_its_password(self, mailed: Mailed, services: Services) -> None:
        await mailed.api.post("/auth/signup", json={"email": ANN, "password": PASSWORD})
        async with services.db.transaction() as tx:
            await tx.execute(text("UPDATE users SET email_verified_at = now()"))
        assert (await mailed.verify(*await mailed.asked())).status_code == 200
        await mailed.people.log_in()


@pytest.mark.attack("PWD-02")
async def test_a_mailed_code_opens_a_locked_account(mailed: Mailed, services: Services) -> None:
    await mailed.people.sign_up()
    async with services.db.transaction() as tx:
        await tx.execute(text("UPDATE password_credentials SET failures = 1000000, last_failure = gen_random_uuid()"))
    problem(await mailed.api.post("/auth/login", json={"email": ANN, "password": PASSWORD}), 401, "invalid_credentials")
    challenge_id, code = await mailed.asked()
    problem(await mailed.verify(challenge_id, other(code)), 401, "invalid_code")
    assert (await mailed.verify(challenge_id, code)).status_code == 200
