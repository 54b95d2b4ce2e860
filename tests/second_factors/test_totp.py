"""An authenticator app as the second step of a sign-in."""

import asyncio
import xml.etree.ElementTree as ET
from datetime import timedelta

import httpx2
import pyotp
import pytest

from app.wiring import Services
from tests.second_factors.support import Ann
from tests.support import ISSUER, Events, bearer, claims_of, problem

pytestmark = pytest.mark.anyio


async def test_a_sign_in_with_password_and_code_carries_both(ann: Ann) -> None:
    await ann.enrols_totp()
    asked = await ann.asked(audience="orders-api", scope="orders:read")
    assert set(asked["factors"]) == {"totp", "recovery_code"}
    assert asked["step"] == "verify"
    answer = await ann.verifies(asked["mfa_token"], code=ann.code())
    claims = claims_of(answer.json()["access_token"])
    assert claims["amr"] == ["pwd", "otp", "mfa"]
    assert claims["acr"] == "aal2"
    assert claims["aud"] == "orders-api"
    assert claims["scope"] == "orders:read"


async def test_enrolment_shows_a_secret_its_uri_and_a_drawing_of_it(ann: Ann) -> None:
    made = (await ann.api.post("/auth/mfa/totp", headers=bearer(ann.tokens))).json()
    assert pyotp.parse_uri(made["provisioning_uri"]).secret == made["secret"]
    assert "ann%40example.com" in made["provisioning_uri"]
    assert ET.fromstring(made["qr_svg"]).tag == "{http://www.w3.org/2000/svg}svg"


async def test_a_seed_that_nobody_confirmed_asks_for_nothing(ann: Ann) -> None:
    await ann.api.post("/auth/mfa/totp", headers=bearer(ann.tokens))
    await ann.people.log_in()
    wrong = await ann.api.post("/auth/mfa/totp/confirm", headers=bearer(ann.tokens), json={"code": "000000"})
    problem(wrong, 400, "enrolment_refused")
    await ann.people.log_in()


async def test_a_second_app_is_refused_while_there_is_one(ann: Ann) -> None:
    await ann.enrols_totp()
    problem(await ann.api.post("/auth/mfa/totp", headers=bearer(ann.tokens)), 409, "factor_enrolled")


@pytest.mark.attack("MFA-01")
async def test_a_code_used_twice_is_refused(ann: Ann) -> None:
    await ann.enrols_totp()
    first, second = await ann.asked(), await ann.asked()
    code = ann.code()
    assert (await ann.verifies(first["mfa_token"], code=code)).status_code == 200
    problem(await ann.verifies(second["mfa_token"], code=code), 401, "invalid_factor")


@pytest.mark.attack("MFA-01")
async def test_of_one_code_at_once_in_many_sign_ins_one_wins(ann: Ann) -> None:
    await ann.enrols_totp()
    tokens = [(await ann.asked())["mfa_token"] for _ in range(5)]
    code = ann.code()
    answers = await asyncio.gather(*(ann.verifies(token, code=code) for token in tokens))
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401, 401]


@pytest.mark.attack("MFA-01")
async def test_of_one_sign_in_finished_many_times_at_once_one_wins(ann: Ann) -> None:
    await ann.enrols_totp()
    token = (await ann.asked())["mfa_token"]
    codes = [ann.code(), ann.code(steps=1), ann.code(steps=-1)]
    answers = await asyncio.gather(*(ann.verifies(token, code=code) for code in codes))
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401]


@pytest.mark.attack("MFA-02")
async def test_a_sign_in_ends_after_five_wrong_codes(ann: Ann, events: Events) -> None:
    await ann.enrols_totp()
    token = (await ann.asked())["mfa_token"]
    for _ in range(5):
        problem(await ann.verifies(token, code="000000"), 401, "invalid_factor")
    problem(await ann.verifies(token, code=ann.code()), 401, "invalid_mfa_token")
    assert len(await events.of("login.failed")) == 5


@pytest.mark.attack("MFA-02")
async def test_ten_wrong_codes_lock_the_app_for_a_quarter_of_an_hour_and_tell_the_owner(
    ann: Ann, events: Events
) -> None:
    await ann.enrols_totp()
    tokens = [(await ann.asked())["mfa_token"] for _ in range(8)]
    # All at once: no number of tries at the same moment gets past the limit.
    guesses = {n: (token, f"{n:06}") for n, token in enumerate(tokens * 2)}
    while guesses:
        answers = await asyncio.gather(*(ann.verifies(token, code=code) for token, code in guesses.values()))
        told = dict(zip(guesses, (answer.status_code for answer in answers), strict=True))
        assert set(told.values()) <= {401, 503}
        # A busy machine has some of the crowd come again.
        guesses = {n: guess for n, guess in guesses.items() if told[n] == 503}
    (locked,) = await events.of("mfa.locked")
    assert locked["details"] == {"factor": "totp", "tries": 10}
    token = (await ann.asked())["mfa_token"]
    problem(await ann.verifies(token, code=ann.code()), 401, "invalid_factor")
    # A recovery code still lets the owner in.
    answer = await ann.verifies(token, "recovery_code", code=ann.recovery_codes[0])
    assert answer.status_code == 200
    ann.wait(15 * 60)
    await ann.signs_in()


@pytest.mark.attack("MFA-03")
@pytest.mark.parametrize("steps", [-2, 2])
async def test_a_code_two_steps_away_is_refused(ann: Ann, steps: int) -> None:
    await ann.enrols_totp()
    # Away from the edge of a step.
    now = ann.services.clock.now()
    ann.services.clock.offset += timedelta(seconds=75 - now.timestamp() % 30)
    token = (await ann.asked())["mfa_token"]
    problem(await ann.verifies(token, code=ann.code(steps=steps)), 401, "invalid_factor")


@pytest.mark.attack("MFA-03")
@pytest.mark.parametrize("steps", [-1, 0, 1])
async def test_a_code_one_step_away_counts(ann: Ann, steps: int) -> None:
    await ann.enrols_totp()
    now = ann.services.clock.now()
    ann.services.clock.offset += timedelta(seconds=75 - now.timestamp() % 30)
    token = (await ann.asked())["mfa_token"]
    assert (await ann.verifies(token, code=ann.code(steps=steps))).status_code == 200


@pytest.mark.attack("MFA-03")
async def test_spaces_are_dropped_and_anything_else_but_six_digits_is_refused(ann: Ann) -> None:
    await ann.enrols_totp()
    token = (await ann.asked())["mfa_token"]
    code = ann.code()
    arabic = code.translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))
    for wrong in (arabic, code + "0", code[:5], "\u2003" + code):
        problem(await ann.verifies(token, code=wrong), 401, "invalid_factor")
    assert (await ann.verifies(token, code=f" {code[:3]} {code[3:]} ")).status_code == 200


@pytest.mark.parametrize("proof", [{}, {"assertion": {}}, {"code": None}, {"code": ""}, {"code": "x" * 256}])
async def test_a_proof_that_is_none_is_refused_like_a_wrong_one(ann: Ann, proof: dict[str, object]) -> None:
    await ann.enrols_totp()
    token = (await ann.asked())["mfa_token"]
    problem(await ann.verifies(token, **proof), 401, "invalid_factor")


@pytest.mark.parametrize("factor", ["passkey", "password", "email_code", "nothing"])
async def test_a_factor_that_was_not_offered_is_refused(ann: Ann, factor: str) -> None:
    await ann.enrols_totp()
    token = (await ann.asked())["mfa_token"]
    problem(await ann.verifies(token, factor, code=ann.code()), 400, "factor_not_offered")


@pytest.mark.parametrize("token", ["", "x", "0" * 43, "\N{SNOWMAN}"])
async def test_a_made_up_token_opens_nothing(ann: Ann, token: str) -> None:
    await ann.enrols_totp()
    problem(await ann.verifies(token, code=ann.code()), 401, "invalid_mfa_token")


async def test_a_token_lives_five_minutes(ann: Ann) -> None:
    await ann.enrols_totp()
    token = (await ann.asked())["mfa_token"]
    ann.wait(301)
    problem(await ann.verifies(token, code=ann.code()), 401, "invalid_mfa_token")


@pytest.mark.attack("MFA-04")
async def test_the_token_of_a_half_done_sign_in_opens_its_next_step_alone(ann: Ann) -> None:
    await ann.enrols_totp()
    token = (await ann.asked())["mfa_token"]
    headers = {"Authorization": f"Bearer {token}"}
    for method, path in (
        *(("GET", "/auth/me"), ("GET", "/auth/validate"), ("GET", "/auth/sessions"), ("POST", "/auth/logout")),
        *(("GET", "/auth/mfa/totp"), ("DELETE", "/auth/mfa/totp"), ("POST", "/auth/mfa/recovery-codes")),
    ):
        problem(await ann.api.request(method, path, headers=headers), 401, "invalid_token")
    problem(await ann.api.post("/auth/refresh", json={"refresh_token": token}), 401, "invalid_refresh_token")
    for path in ("/auth/mfa/enrol", "/auth/mfa/enrol/confirm"):
        body = {"mfa_token": token, "factor": "totp", **({"code": "000000"} if path.endswith("confirm") else {})}
        problem(await ann.api.post(path, json=body), 401, "invalid_mfa_token")


async def test_a_pending_sign_in_dies_with_a_change_of_credentials(ann: Ann, services: Services) -> None:
    await ann.enrols_totp()
    token = (await ann.asked())["mfa_token"]
    async with services.db.transaction() as tx:
        user = await services.users.find_by_email(tx, "ann@example.com")
        assert user is not None
        await services.users.note_changed_credentials(tx, user.id)
    problem(await ann.verifies(token, code=ann.code()), 401, "invalid_mfa_token")


@pytest.mark.attack("MFA-08")
async def test_the_secret_is_read_back_nowhere(ann: Ann, services: Services, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(0):
        await ann.enrols_totp()
        await ann.signs_in()
    state = await ann.api.get("/auth/mfa/totp", headers=bearer(ann.tokens))
    assert set(state.json()) == {"enrolled", "confirmed_at"}
    assert state.json()["enrolled"] is True
    assert ann.secret not in caplog.text
    for table in ("audit_entries", "events", "totp_credentials", "pending_sign_ins"):
        row = await services.db.fetchrow(f"SELECT coalesce(string_agg(t::text, ''), '') FROM {table} t")
        assert row is not None
        assert ann.secret not in row[0]
        assert ann.secret.encode().hex() not in row[0]


async def test_a_refreshed_token_says_what_was_proven(ann: Ann) -> None:
    await ann.enrols_totp()
    tokens = await ann.signs_in()
    answer = await ann.api.post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
    claims = claims_of(answer.json()["access_token"])
    assert (claims["acr"], claims["amr"], claims["aud"]) == ("aal2", ["pwd", "otp", "mfa"], ISSUER)


async def test_a_wrong_password_is_refused_alike_with_and_without_a_second_factor(
    ann: Ann, api: httpx2.AsyncClient
) -> None:
    await ann.enrols_totp()
    problem(
        await api.post("/auth/login", json={"email": "ann@example.com", "password": "wrong"}),
        401,
        "invalid_credentials",
    )
