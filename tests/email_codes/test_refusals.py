"""Codes that do not count, and answers that tell of no account."""

import asyncio

import httpx2
import pytest
from sqlalchemy import text

from app.audit.event import Actor, ActorKind
from app.foundation.encryption import Keyring
from app.foundation.engines.lock import Engines
from app.foundation.origin import Origin
from app.settings import Settings
from app.wiring import Services
from tests.conftest import settings_for
from tests.email_codes.support import ANN, Mailed, alike, other
from tests.support import PASSWORD, Events, problem, suspend

pytestmark = pytest.mark.anyio

BOB = "bob@example.com"


async def refused(mailed: Mailed, challenge_id: str, code: str) -> None:
    problem(await mailed.verify(challenge_id, code), 401, "invalid_code")


async def test_a_code_counts_once(mailed: Mailed) -> None:
    await mailed.people.sign_up()
    challenge_id, code = await mailed.asked()
    assert (await mailed.verify(challenge_id, code)).status_code == 200
    await refused(mailed, challenge_id, code)


async def test_of_many_answers_at_once_one_wins(mailed: Mailed, events: Events) -> None:
    await mailed.people.sign_up()
    challenge_id, code = await mailed.asked()
    answers = await asyncio.gather(*(mailed.verify(challenge_id, code) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401, 401]
    assert len(await events.of("session.created")) == 1


async def test_a_code_expires(mailed: Mailed) -> None:
    await mailed.people.sign_up()
    challenge_id, code = await mailed.asked()
    mailed.wait(601)
    await refused(mailed, challenge_id, code)


async def test_after_five_wrong_tries_the_right_code_is_refused_too(mailed: Mailed, events: Events) -> None:
    await mailed.people.sign_up()
    challenge_id, code = await mailed.asked()
    answers = [await mailed.verify(challenge_id, other(code, n)) for n in range(1, 6)]
    answers.append(await mailed.verify(challenge_id, code))
    assert {answer.status_code for answer in answers} == {401}
    assert len({str(alike(answer)) for answer in answers}) == 1
    reasons = [entry["details"]["reason"] for entry in await events.of("login.failed")]
    assert reasons == [*["wrong code"] * 5, "no such challenge"]


async def test_tries_at_once_are_counted_each(mailed: Mailed) -> None:
    await mailed.people.sign_up()
    challenge_id, code = await mailed.asked()
    await asyncio.gather(*(mailed.verify(challenge_id, other(code, n)) for n in range(1, 9)))
    await refused(mailed, challenge_id, code)


async def test_the_fifth_try_still_counts(mailed: Mailed) -> None:
    await mailed.people.sign_up()
    challenge_id, code = await mailed.asked()
    for n in range(1, 5):
        await refused(mailed, challenge_id, other(code, n))
    assert (await mailed.verify(challenge_id, code)).status_code == 200


async def test_a_newer_challenge_takes_the_place_of_the_older(mailed: Mailed) -> None:
    await mailed.people.sign_up()
    old = await mailed.asked()
    new_id = await mailed.ask()
    new_code = await mailed.code()
    await refused(mailed, *old)
    await refused(mailed, old[0], new_code)
    if old[1] != new_code:
        await refused(mailed, new_id, old[1])
    assert (await mailed.verify(new_id, new_code)).status_code == 200


async def test_of_many_challenges_at_once_one_is_left(mailed: Mailed, services: Services) -> None:
    await mailed.people.sign_up()
    await asyncio.gather(*(mailed.ask() for _ in range(5)))
    row = await services.db.fetchrow("SELECT count(*) AS n FROM email_codes")
    assert row is not None
    assert row["n"] == 1


@pytest.mark.attack("MFA-03")
@pytest.mark.parametrize(
    "typed",
    [
        "",
        "12345",
        "1234567",
        "".join(chr(0xFF11 + n) for n in range(6)),
        "".join(chr(0x0661 + n) for n in range(6)),
        "12345a",
        "-12345",
        "0x1234",
        "1e1234",
        "12\u00a03456",
        "\U0001d7d8" * 6,
    ],
)
async def test_what_is_no_six_ascii_digits_is_refused_like_any_wrong_code(mailed: Mailed, typed: str) -> None:
    await mailed.people.sign_up()
    await refused(mailed, await mailed.ask(), typed)


async def test_the_same_digits_in_another_script_are_refused(mailed: Mailed) -> None:
    await mailed.people.sign_up()
    challenge_id, code = await mailed.asked()
    await refused(mailed, challenge_id, "".join(chr(0x0660 + int(digit)) for digit in code))
    await refused(mailed, challenge_id, code[:5])
    await refused(mailed, challenge_id, f"{code}0")
    assert (await mailed.verify(challenge_id, code)).status_code == 200


async def test_a_code_opens_no_other_challenge(mailed: Mailed) -> None:
    await mailed.people.sign_up()
    await mailed.people.sign_up(BOB)
    ann_id, ann_code = await mailed.asked()
    bob_id, bob_code = await mailed.asked(BOB)
    if ann_code != bob_code:
        await refused(mailed, ann_id, bob_code)
        await refused(mailed, bob_id, ann_code)
    for challenge_id in ("", "x", ann_id[:-1], ann_id + "A", ann_id.swapcase(), "\u0660"):
        await refused(mailed, challenge_id, ann_code)
    assert (await mailed.verify(ann_id, ann_code)).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"email": ANN},
        {"email": ANN, "purpose": "reset"},
        {"email": ANN, "purpose": "login", "user_id": "1"},
        {"email": [ANN], "purpose": "login"},
    ],
)
async def test_a_request_of_another_form_is_refused(api: httpx2.AsyncClient, body: dict[str, object]) -> None:
    problem(await api.post("/auth/otp/request", json=body), 422, "validation_failed")


async def test_a_code_that_is_no_text_is_refused(api: httpx2.AsyncClient) -> None:
    for body in ({"challenge_id": "x", "code": 123456}, {"challenge_id": "x"}, {"challenge_id": "x", "code": "1" * 65}):
        problem(await api.post("/auth/otp/verify", json=body), 422, "validation_failed")


async def test_what_is_no_address_is_refused(mailed: Mailed) -> None:
    problem(await mailed.request("ann at example"), 422, "invalid_email")


@pytest.mark.attack("PWD-12")
async def test_unknown_and_suspended_addresses_get_the_same_answers_and_no_mail(
    mailed: Mailed, services: Services, events: Events
) -> None:
    await mailed.people.sign_up()
    bob = await mailed.people.sign_up(BOB)
    await suspend(services, bob["sub"])
    asked = {email: await mailed.request(email) for email in (ANN, BOB, "nobody@example.com")}
    assert len({str(alike(answer, "challenge_id")) for answer in asked.values()}) == 1
    assert len({len(answer.json()["challenge_id"]) for answer in asked.values()}) == 1
    code = await mailed.code()
    tried = [
        [await mailed.verify(answer.json()["challenge_id"], other(code, n)) for n in range(1, 7)]
        for answer in asked.values()
    ]
    assert len({str([alike(answer) for answer in answers]) for answers in tried}) == 1
    assert await mailed.mailbox.settled(beside={"verify_email"}) == []
    assert [entry["details"]["mailed"] for entry in await events.of("login.code_requested")] == [True, False, False]


async def test_a_user_who_is_suspended_meanwhile_is_refused(mailed: Mailed, services: Services) -> None:
    user = await mailed.people.sign_up()
    challenge_id, code = await mailed.asked()
    await suspend(services, user["sub"])
    await refused(mailed, challenge_id, code)


async def test_a_deleted_user_leaves_no_challenge(mailed: Mailed, services: Services) -> None:
    await mailed.people.sign_up()
    challenge_id, code = await mailed.asked()
    async with services.db.transaction() as tx:
        user = await services.users.find_by_email(tx, ANN)
    assert user is not None
    await services.lifecycle.delete(
        user.id, actor=Actor(ActorKind.OPERATOR, "test"), origin=Origin(ip=None, user_agent=None, trace_id="0" * 32)
    )
    assert await services.db.fetchrow("SELECT FROM email_codes") is None
    await refused(mailed, challenge_id, code)


async def test_a_code_dies_with_any_change_of_credentials_and_of_the_address(
    mailed: Mailed, services: Services
) -> None:
    await mailed.people.sign_up()
    changes = (
        "UPDATE users SET credentials_version = credentials_version + 1",
        "UPDATE users SET email = 'ann@example.org', email_key = 'ann@example.org'",
    )
    for change in changes:
        challenge_id, code = await mailed.asked()
        async with services.db.transaction() as tx:
            await tx.execute(text(change))
        await refused(mailed, challenge_id, code)


async def test_a_change_during_the_sign_in_is_refused_and_recorded(
    mailed: Mailed, services: Services, events: Events
) -> None:
    """The right code at the moment of a suspension: whichever comes first, no session outlives it."""
    user = await mailed.people.sign_up()
    challenge_id, code = await mailed.asked()
    answer, _ = await asyncio.gather(mailed.verify(challenge_id, code), suspend(services, user["sub"]))
    if answer.status_code == 200:
        header = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        assert (await mailed.api.get("/auth/me", headers=header)).status_code == 401
    else:
        problem(answer, 401, "invalid_code")
        assert len(await events.of("login.failed")) == 1


@pytest.mark.attack("REF-10")
async def test_neither_code_nor_challenge_can_be_read_or_guessed_from_the_table(
    mailed: Mailed, services: Services
) -> None:
    await mailed.people.sign_up()
    challenge_id, code = await mailed.asked()
    row = await services.db.fetchrow("SELECT e::text AS text, e.* FROM email_codes e")
    assert row is not None
    assert code not in row["text"].replace(row["expires_at"].isoformat(), "")
    assert challenge_id not in row["text"]
    # Whoever holds the table alone cannot try the million codes: the hash needs a key of ours.
    assert services.keyring.current_id == row["code_hash"][:4].hex()
    stranger = Keyring([b"\x07" * 32])
    assert stranger.current_id != services.keyring.current_id


@pytest.mark.attack("AUD-05")
async def test_no_code_and_no_challenge_stands_in_the_audit_log(mailed: Mailed, events: Events) -> None:
    await mailed.people.sign_up()
    challenge_id, code = await mailed.asked()
    await mailed.verify(challenge_id, other(code))
    await mailed.verify(challenge_id, code)
    for entry in await events.of("login.code_requested", "login.failed", "session.created"):
        details = str(entry["details"])
        assert challenge_id not in details
        assert f"'{code}'" not in details


@pytest.mark.attack("DOS-03")
class TestInProduction:
    @pytest.fixture
    def settings(self, database_url: str, engines: Engines) -> Settings:
        """Where no limit is widened; people come from one address, so its own limit is out of the way."""
        limits = {"login_per_account": 1000, "login_per_address": 1000}
        values = {"environment": "production", "accounts": {"hide_existence": False}, "limits": limits}
        return settings_for(database_url, engines, **values)

    async def test_a_mailbox_gets_three_mails_and_the_fourth_request_changes_nothing(self, mailed: Mailed) -> None:
        await mailed.people.sign_up()
        # The mail of the sign-up is the first of the three.
        await mailed.mailbox.wait_for(template="verify_email")
        seen, newest = set(), ("", "")
        for _ in range(2):
            newest = await mailed.asked()
        for email in (ANN, "nobody@example.com", ANN):
            seen.add(str(alike(await mailed.request(email), "challenge_id")))
        assert len(seen) == 1
        assert await mailed.mailbox.settled() == []
        # So a stranger who asks in Ann's name cannot take her code away by asking on.
        assert (await mailed.verify(*newest)).status_code == 200


class TestFromOneAddress:
    @pytest.fixture
    def settings(self, database_url: str, engines: Engines) -> Settings:
        values = {"environment": "production", "accounts": {"hide_existence": False}}
        return settings_for(database_url, engines, **values)

    async def test_requests_are_counted_like_sign_ins_known_or_not(self, mailed: Mailed) -> None:
        answers = [await mailed.request("nobody@example.com") for _ in range(6)]
        assert [answer.status_code for answer in answers] == [202] * 5 + [429]
        problem(answers[5], 429, "too_many_attempts")
        login = {"email": "nobody@example.com", "password": PASSWORD}
        problem(await mailed.api.post("/auth/login", json=login), 429, "too_many_attempts")
