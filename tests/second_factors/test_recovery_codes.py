"""Recovery codes, for whoever lost their phone."""

import asyncio

import pytest

from app.wiring import Services
from tests.second_factors.support import Ann
from tests.support import bearer, claims_of, problem

pytestmark = pytest.mark.anyio


@pytest.mark.attack("MFA-06")
async def test_a_recovery_code_counts_once(ann: Ann) -> None:
    await ann.enrols_totp()
    assert len(set(ann.recovery_codes)) == 10
    code = ann.recovery_codes[0]
    first = await ann.verifies((await ann.asked())["mfa_token"], "recovery_code", code=code.upper().replace("-", " "))
    assert claims_of(first.json()["access_token"])["acr"] == "aal2"
    again = await ann.verifies((await ann.asked())["mfa_token"], "recovery_code", code=code)
    problem(again, 401, "invalid_factor")
    state = await ann.api.get("/auth/mfa/recovery-codes", headers=bearer(first.json()))
    assert state.json()["remaining"] == 9


@pytest.mark.attack("MFA-06")
async def test_of_one_recovery_code_at_once_in_many_sign_ins_one_wins(ann: Ann) -> None:
    await ann.enrols_totp()
    tokens = [(await ann.asked())["mfa_token"] for _ in range(5)]
    code = ann.recovery_codes[3]
    answers = await asyncio.gather(*(ann.verifies(token, "recovery_code", code=code) for token in tokens))
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401, 401]


@pytest.mark.attack("MFA-06")
async def test_guesses_end_the_sign_in(ann: Ann) -> None:
    await ann.enrols_totp()
    token = (await ann.asked())["mfa_token"]
    for n in range(10):
        code = "invalid_factor" if n < 5 else "invalid_mfa_token"
        problem(await ann.verifies(token, "recovery_code", code=f"{n}" * 24), 401, code)
    problem(await ann.verifies(token, "recovery_code", code=ann.recovery_codes[0]), 401, "invalid_mfa_token")


@pytest.mark.attack("MFA-06")
async def test_codes_are_shown_once_and_kept_as_hashes(ann: Ann, services: Services) -> None:
    await ann.enrols_totp()
    state = await ann.api.get("/auth/mfa/recovery-codes", headers=bearer(ann.tokens))
    assert set(state.json()) == {"remaining", "created_at"}
    row = await services.db.fetchrow("SELECT string_agg(r::text, '') FROM recovery_codes r")
    assert row is not None
    assert not any(code in row[0] or code.replace("-", "") in row[0] for code in ann.recovery_codes)


async def test_new_codes_take_the_place_of_the_old(ann: Ann) -> None:
    await ann.enrols_totp()
    made = await ann.api.post("/auth/mfa/recovery-codes", headers=bearer(ann.tokens))
    assert made.status_code == 201
    token = (await ann.asked())["mfa_token"]
    problem(await ann.verifies(token, "recovery_code", code=ann.recovery_codes[0]), 401, "invalid_factor")
    answer = await ann.verifies(token, "recovery_code", code=made.json()["recovery_codes"][0])
    assert answer.status_code == 200


async def test_there_are_no_codes_without_another_factor(ann: Ann) -> None:
    answer = await ann.api.post("/auth/mfa/recovery-codes", headers=bearer(ann.tokens))
    problem(answer, 409, "no_second_factor")
