"""A mailed code that confirms an act, and one that stands in for a second factor."""

import asyncio
from typing import Any

import httpx2
import pytest
from sqlalchemy import text

from app.foundation.engines.lock import Engines
from app.protocols.assurance import ACR
from app.settings import Settings
from app.wiring import Services
from tests.conftest import settings_for
from tests.email_codes.support import ANN, Mailed, other
from tests.second_factors.support import Ann
from tests.second_factors.test_policy import require_of_ann
from tests.support import PASSWORD, bearer, claims_of, problem

pytestmark = pytest.mark.anyio

BOB = "bob@example.com"


class Acts:
    """Asks for action tokens, and answers by what came in a mail."""

    def __init__(self, mailed: Mailed) -> None:
        self.mailed = mailed

    async def request(self, tokens: dict[str, Any], **fields: object) -> httpx2.Response:
        body = {"action": "orders.refund", **fields}
        return await self.mailed.api.post("/auth/action-tokens", json=body, headers=bearer(tokens))

    async def asked(self, tokens: dict[str, Any], email: str = ANN, **fields: object) -> tuple[dict[str, Any], str]:
        answer = await self.request(tokens, **fields)
        assert answer.status_code == 202, answer.text
        return answer.json(), (await self.mailed.mailbox.wait_for(to=email, template="confirm_code")).code

    async def verify(self, tokens: dict[str, Any], challenge_id: str, code: str) -> httpx2.Response:
        body = {"challenge_id": challenge_id, "code": code}
        return await self.mailed.api.post("/auth/action-tokens/verify", json=body, headers=bearer(tokens))


@pytest.fixture
def acts(mailed: Mailed) -> Acts:
    return Acts(mailed)


async def verified(services: Services) -> None:
    async with services.db.transaction() as tx:
        await tx.execute(text("UPDATE users SET email_verified_at = now()"))


async def test_a_mailed_code_confirms_an_act_once(acts: Acts, services: Services) -> None:
    tokens = await acts.mailed.people.signed_in(audience="orders-api")
    await verified(services)
    challenge, code = await acts.asked(tokens, factor="otp")
    assert (challenge["factor"], challenge["factors"]) == ("otp", ["otp"])
    assert challenge["options"] == {"otp": {"expires_in": 600}}
    problem(await acts.verify(tokens, challenge["challenge_id"], other(code)), 401, "invalid_credentials")
    answers = await asyncio.gather(*(acts.verify(tokens, challenge["challenge_id"], code) for _ in range(3)))
    [right] = [answer for answer in answers if answer.status_code == 200]
    assert claims_of(right.json()["action_token"])["action"] == "orders.refund"


async def test_the_password_counts_until_somebody_asks_for_a_mail(acts: Acts, services: Services) -> None:
    tokens = await acts.mailed.people.signed_in(audience="orders-api")
    await verified(services)
    challenge = (await acts.request(tokens)).json()
    assert (challenge["factors"], challenge["options"]) == (["password"], {})
    assert await acts.mailed.mailbox.settled(beside={"verify_email"}) == []


async def test_whoever_has_nothing_else_gets_a_mail_unasked(acts: Acts, services: Services) -> None:
    tokens = await acts.mailed.people.signed_in(audience="orders-api")
    await verified(services)
    async with services.db.transaction() as tx:
        await tx.execute(text("DELETE FROM password_credentials"))
    challenge, code = await acts.asked(tokens)
    assert challenge["factor"] == "otp"
    assert (await acts.verify(tokens, challenge["challenge_id"], code)).status_code == 200


async def test_no_code_is_mailed_to_an_unproven_address_or_beside_a_second_factor(
    acts: Acts, services: Services
) -> None:
    ann = await Ann(acts.mailed.api, acts.mailed.people, services).signs_up()
    problem(await acts.request(ann.tokens, factor="otp"), 403, "no_usable_factor")
    await verified(services)
    await ann.enrols_totp()
    problem(await acts.request(ann.tokens, factor="otp"), 403, "no_usable_factor")
    problem(await acts.request(ann.tokens, factor="password"), 403, "no_usable_factor")
    assert await acts.mailed.mailbox.settled(beside={"verify_email", "mfa_changed"}) == []


async def test_a_code_confirms_no_other_challenge_session_or_user(acts: Acts, services: Services) -> None:
    here = await acts.mailed.people.signed_in(audience="orders-api")
    there = await acts.mailed.people.log_in(audience="orders-api")
    bob = await acts.mailed.people.signed_in(BOB, audience="orders-api")
    await verified(services)
    first, first_code = await acts.asked(here, factor="otp")
    second, second_code = await acts.asked(here, factor="otp")
    bobs, bobs_code = await acts.asked(bob, BOB, factor="otp")
    assert len({first_code, second_code, bobs_code}) == 3, "a chance of three in a million"
    problem(await acts.verify(there, first["challenge_id"], first_code), 400, "invalid_challenge")
    problem(await acts.verify(bob, first["challenge_id"], first_code), 400, "invalid_challenge")
    problem(await acts.verify(here, first["challenge_id"], second_code), 401, "invalid_credentials")
    problem(await acts.verify(bob, bobs["challenge_id"], first_code), 401, "invalid_credentials")
    # Nor does it sign anybody in.
    problem(await acts.mailed.verify(first["challenge_id"], first_code), 401, "invalid_code")
    assert (await acts.verify(here, first["challenge_id"], first_code)).status_code == 200
    assert (await acts.verify(here, second["challenge_id"], second_code)).status_code == 200


async def test_a_code_for_an_act_expires_and_dies_with_a_change_of_credentials(acts: Acts, services: Services) -> None:
    tokens = await acts.mailed.people.signed_in(audience="orders-api")
    await verified(services)
    challenge, code = await acts.asked(tokens, factor="otp")
    async with services.db.transaction() as tx:
        await tx.execute(text("UPDATE users SET credentials_version = credentials_version + 1"))
    problem(await acts.verify(tokens, challenge["challenge_id"], code), 401, "invalid_credentials")
    challenge, code = await acts.asked(tokens, factor="otp")
    acts.mailed.wait(301)
    problem(await acts.verify(tokens, challenge["challenge_id"], code), 400, "invalid_challenge")


@pytest.mark.attack("DOS-03")
class TestInProduction:
    @pytest.fixture
    def settings(self, database_url: str, engines: Engines) -> Settings:
        values = {"environment": "production", "accounts": {"hide_existence": False}}
        return settings_for(database_url, engines, **values)

    async def test_the_fourth_mail_in_a_quarter_of_an_hour_is_refused(self, acts: Acts, services: Services) -> None:
        tokens = await acts.mailed.people.signed_in(audience="orders-api")
        # The mail of the sign-up is the first of the three.
        await acts.mailed.mailbox.wait_for(template="verify_email")
        await verified(services)
        for _ in range(2):
            newest = await acts.asked(tokens, factor="otp")
        refused = await acts.request(tokens, factor="otp")
        problem(refused, 429, "too_many_attempts")
        assert int(refused.headers["retry-after"]) > 0
        assert (await acts.verify(tokens, newest[0]["challenge_id"], newest[1])).status_code == 200


class TestWherePolicyAllowsIt:
    @pytest.fixture
    def settings(self, database_url: str, engines: Engines) -> Settings:
        return settings_for(database_url, engines, mfa={"email_code": True})

    async def asked(self, ann: Ann) -> dict[str, Any]:
        await require_of_ann(ann.services, ACR.AAL2)
        return await ann.asked(audience="orders-api")

    async def test_a_mailed_code_stands_in_for_a_second_factor(self, mailed: Mailed, services: Services) -> None:
        ann = await Ann(mailed.api, mailed.people, services).signs_up()
        await verified(services)
        asked = await self.asked(ann)
        assert (asked["step"], asked["factors"]) == ("verify", ["email_code"])
        body = {"mfa_token": asked["mfa_token"], "factor": "email_code"}
        shown = await mailed.api.post("/auth/mfa/challenge", json=body)
        assert shown.json() == {"expires_in": 600}
        code = (await mailed.mailbox.wait_for(to=ANN, template="confirm_code")).code
        problem(await ann.verifies(asked["mfa_token"], "email_code", code=other(code)), 401, "invalid_factor")
        claims = claims_of((await ann.verifies(asked["mfa_token"], "email_code", code=code)).json()["access_token"])
        assert (claims["amr"], claims["acr"]) == (["pwd", "email", "mfa"], "aal2")

    async def test_not_after_another_mailed_code_and_not_to_an_unproven_address(
        self, mailed: Mailed, services: Services
    ) -> None:
        ann = await Ann(mailed.api, mailed.people, services).signs_up()
        assert (await self.asked(ann))["step"] == "enrol"
        refused = problem(await mailed.verify(*await mailed.asked()), 403, "mfa_required")
        assert refused["step"] == "enrol"

    async def test_never_for_an_administrator_nor_for_phr(self, mailed: Mailed, services: Services) -> None:
        ann = await Ann(mailed.api, mailed.people, services).signs_up()
        await verified(services)
        await require_of_ann(services, ACR.PHR)
        assert (await ann.asked())["factors"] == ["passkey"]
        async with services.db.transaction() as tx:
            await tx.execute(
                text(
                    "INSERT INTO role_assignments (id, user_id, role_id, created_at) "
                    "SELECT gen_random_uuid(), u.id, r.id, now() FROM users u, roles r WHERE r.name = 'admin'"
                )
            )
        assert (await self.asked(ann))["step"] == "enrol"

    async def test_whoever_has_a_second_factor_gets_no_mail_in_its_place(
        self, mailed: Mailed, services: Services
    ) -> None:
        ann = await Ann(mailed.api, mailed.people, services).signs_up()
        await verified(services)
        await ann.enrols_totp()
        assert (await self.asked(ann))["factors"] == ["totp", "recovery_code"]


async def test_by_default_a_second_factor_is_enrolled_instead(mailed: Mailed, services: Services) -> None:
    ann = await Ann(mailed.api, mailed.people, services).signs_up()
    await verified(services)
    await require_of_ann(services, ACR.AAL2)
    assert (await ann.asked())["step"] == "enrol"
    assert (await mailed.api.post("/auth/login", json={"email": ANN, "password": PASSWORD})).status_code == 403
