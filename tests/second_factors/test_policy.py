"""Who must have a second factor, and what becomes of those who have none."""

import pyotp
import pytest

from app.audit.event import Actor, ActorKind
from app.factors.factor import FactorName
from app.foundation.origin import Origin
from app.login.steps import NextStep, Step, next_step, required_acr
from app.protocols.assurance import ACR
from app.wiring import Services
from tests.authenticator import UP, UV, Authenticator
from tests.second_factors.support import Ann
from tests.support import Events, bearer, claims_of, problem

pytestmark = pytest.mark.anyio

OPERATOR = Actor(ActorKind.OPERATOR, "test")
ORIGIN = Origin(ip=None, user_agent=None, trace_id="0" * 32)
TOTP, PASSKEY, CODE = FactorName.TOTP, FactorName.PASSKEY, FactorName.RECOVERY_CODE


@pytest.mark.parametrize(
    ("reached", "required", "second", "step"),
    [
        (ACR.AAL1, ACR.AAL1, (), NextStep(Step.DONE)),
        (ACR.AAL1, ACR.AAL1, (TOTP, CODE), NextStep(Step.VERIFY, (TOTP, CODE))),
        (ACR.AAL1, ACR.AAL2, (), NextStep(Step.ENROL, (PASSKEY, TOTP))),
        (ACR.AAL1, ACR.AAL2, (PASSKEY,), NextStep(Step.VERIFY, (PASSKEY,))),
        (ACR.AAL2, ACR.AAL2, (TOTP,), NextStep(Step.DONE)),
        (ACR.PHR, ACR.AAL2, (TOTP, PASSKEY), NextStep(Step.DONE)),
        (ACR.PHR, ACR.PHR, (), NextStep(Step.DONE)),
        (ACR.AAL1, ACR.PHR, (), NextStep(Step.ENROL, (PASSKEY,))),
        (ACR.AAL1, ACR.PHR, (TOTP, PASSKEY, CODE), NextStep(Step.VERIFY, (PASSKEY,))),
        (ACR.AAL1, ACR.PHR, (TOTP,), NextStep(Step.VERIFY, (TOTP,))),
        (ACR.AAL2, ACR.PHR, (TOTP,), NextStep(Step.ENROL, (PASSKEY,))),
    ],
)
def test_the_next_step_follows_from_what_is_proven_required_and_there(reached, required, second, step):
    assert next_step(reached=reached, required=required, second=second) == step


def test_the_highest_demand_counts():
    assert required_acr("aal1", None, None) is ACR.AAL1
    assert required_acr("aal1", "aal2", None, roles=["phr"]) is ACR.PHR


async def require_of_ann(services: Services, acr: ACR) -> None:
    async with services.db.transaction() as tx:
        user = await services.users.find_by_email(tx, "ann@example.com")
        assert user is not None
        await services.users.require_acr(tx, user.id, acr, actor=OPERATOR, origin=ORIGIN)


async def test_whoever_must_have_a_second_factor_and_has_none_enrols_one_to_sign_in(ann: Ann, events: Events) -> None:
    await require_of_ann(ann.services, ACR.AAL2)
    asked = await ann.asked(audience="orders-api")
    assert (asked["step"], asked["factors"]) == ("enrol", ["passkey", "totp"])
    body = {"mfa_token": asked["mfa_token"], "factor": "totp"}
    problem(await ann.verifies(asked["mfa_token"], code="000000"), 401, "invalid_mfa_token")
    made = (await ann.api.post("/auth/mfa/enrol", json=body)).json()
    wrong = await ann.api.post("/auth/mfa/enrol/confirm", json={**body, "code": "abc"})
    problem(wrong, 401, "invalid_factor")
    ann.secret = made["secret"]
    done = await ann.api.post("/auth/mfa/enrol/confirm", json={**body, "code": ann.code()})
    assert done.status_code == 200, done.text
    assert len(done.json()["recovery_codes"]) == 10
    claims = claims_of(done.json()["access_token"])
    assert (claims["acr"], claims["amr"], claims["aud"]) == ("aal2", ["pwd", "otp", "mfa"], "orders-api")
    assert pyotp.parse_uri(made["provisioning_uri"]).secret == made["secret"]
    assert len(await events.of("mfa.enrolled")) == 1
    ann.wait(30)
    await ann.signs_in()


async def test_whoever_must_have_a_passkey_enrols_one_that_verifies_them(ann: Ann) -> None:
    await require_of_ann(ann.services, ACR.PHR)
    for flags, status in ((UP, 401), (UP | UV, 200)):
        asked = await ann.asked()
        assert asked["factors"] == ["passkey"]
        body = {"mfa_token": asked["mfa_token"], "factor": "passkey"}
        options = (await ann.api.post("/auth/mfa/enrol", json=body)).json()["publicKey"]
        credential = Authenticator(flags=flags).create(options)
        done = await ann.api.post("/auth/mfa/enrol/confirm", json={**body, "credential": credential})
        assert done.status_code == status, done.text
    assert claims_of(done.json()["access_token"])["acr"] == "phr"


async def test_an_audience_asks_for_more_than_others(ann: Ann) -> None:
    def stricter(definition):
        return type(definition)(**{**_fields(definition), "required_acr": ACR.AAL2})

    await ann.services.audience_registration.update("billing-api", stricter, actor=OPERATOR, origin=ORIGIN)
    await ann.people.log_in(audience="orders-api")
    assert (await ann.asked(audience="billing-api"))["step"] == "enrol"


def _fields(definition):
    return {name: getattr(definition, name) for name in definition.__dataclass_fields__}


async def test_a_refresh_gives_no_token_for_an_audience_that_asks_for_more(ann: Ann) -> None:
    def stricter(definition):
        return type(definition)(**{**_fields(definition), "required_acr": ACR.AAL2})

    await ann.services.audience_registration.update("billing-api", stricter, actor=OPERATOR, origin=ORIGIN)
    body = {"refresh_token": ann.tokens["refresh_token"], "audience": "billing-api"}
    answer = await ann.api.post("/auth/refresh", json=body)
    problem(answer, 401, "insufficient_user_authentication")
    assert 'acr_values="aal2"' in answer.headers["www-authenticate"]
    # The refresh token was not spent by it.
    ann.tokens = (await ann.api.post("/auth/refresh", json={"refresh_token": ann.tokens["refresh_token"]})).json()
    await ann.enrols_totp()
    body = {"refresh_token": ann.tokens["refresh_token"], "audience": "billing-api"}
    answer = await ann.api.post("/auth/refresh", json=body)
    assert answer.status_code == 200
    assert claims_of(answer.json()["access_token"])["acr"] == "aal2"


async def test_a_role_asks_its_holders_for_more(ann: Ann) -> None:
    services = ann.services
    async with services.db.transaction() as tx:
        user = await services.users.find_by_email(tx, "ann@example.com")
        assert user is not None
        await services.role_registration.create(tx, "treasurer", actor=OPERATOR, origin=ORIGIN)
        await services.role_registration.require_acr(tx, "treasurer", ACR.AAL2, actor=OPERATOR, origin=ORIGIN)
        await services.role_assignments.assign(
            tx, user_id=user.id, role="treasurer", audience="orders-api", actor=OPERATOR, origin=ORIGIN
        )
    await ann.people.log_in()
    assert (await ann.asked(audience="orders-api"))["step"] == "enrol"


async def test_the_last_factor_stays_where_one_is_required(ann: Ann) -> None:
    await ann.enrols_totp()
    await require_of_ann(ann.services, ACR.AAL2)
    headers = bearer(ann.tokens)
    problem(await ann.api.delete("/auth/mfa/totp", headers=headers), 409, "last_factor")
    await ann.adds(Authenticator())
    assert (await ann.api.delete("/auth/mfa/totp", headers=headers)).status_code == 204
