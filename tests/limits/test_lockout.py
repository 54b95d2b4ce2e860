"""The lockout: what locks an account, what does not, and who opens it."""

import asyncio

import pytest

from app.audit.event import Actor, ActorKind
from app.foundation.engines.lock import Engines
from app.foundation.origin import Origin
from app.settings import Settings
from app.wiring import Services
from tests.limits.conftest import From, log_in, narrow
from tests.support import PASSWORD, Events, People, bearer, problem, suspend

pytestmark = pytest.mark.anyio

ORIGIN = Origin(ip=None, user_agent=None, trace_id="0" * 32)


@pytest.fixture
def settings(database_url: str, engines: Engines) -> Settings:
    """Four wrong passwords lock, so that the tests are quick; the source's limits are out of the way."""
    limits = {"login_failures": 4, "login_per_account": 1000, "login_per_address": 1000}
    return narrow(database_url, engines, limits=limits)


async def lock(services: Services, sender: From) -> dict[str, object]:
    ann = sender(services)
    user = await People(ann).sign_up()
    answers = await asyncio.gather(*(log_in(ann) for _ in range(4)))
    assert {answer.status_code for answer in answers} == {401}
    return user


@pytest.mark.attack("PWD-02")
async def test_after_the_last_wrong_password_the_right_one_is_refused_like_any_other(
    services: Services, sender: From, events: Events
) -> None:
    user = await lock(services, sender)
    right, wrong = await log_in(sender(services), password=PASSWORD), await log_in(sender(services))
    for answer in (right, wrong):
        problem(answer, 401, "invalid_credentials")
    assert {**right.json(), "trace_id": ""} == {**wrong.json(), "trace_id": ""}
    assert set(right.headers) == set(wrong.headers)
    # Whoever writes the mails hears of it once.
    await asyncio.gather(*(log_in(sender(services)) for _ in range(4)))
    [locked] = await events.of("account.locked")
    assert (locked["subject"], locked["details"]) == (user["sub"], {"failures": 4})
    reasons = [entry["details"]["reason"] for entry in await events.of("login.failed")]
    assert reasons.count("locked") == 1


async def test_one_failure_fewer_locks_nothing_and_a_sign_in_ends_the_run(
    services: Services, sender: From, events: Events
) -> None:
    ann = sender(services)
    await People(ann).sign_up()
    for _ in range(3):
        for _ in range(3):
            await log_in(ann)
        await People(ann).log_in()
    assert await events.of("account.locked") == []


@pytest.mark.attack("PWD-02")
async def test_a_device_that_is_signed_in_opens_a_locked_account(services: Services, sender: From) -> None:
    ann = sender(services)
    await People(ann).sign_up()
    here = await People(ann).log_in()
    for _ in range(4):
        await log_in(ann)
    assert (await log_in(ann, password=PASSWORD)).status_code == 401
    await People(ann).sign_up("bob@example.com")
    stranger = await People(ann).log_in("bob@example.com")
    body = {"email": "ann@example.com", "password": PASSWORD}
    for header in (bearer(stranger), {"Authorization": "Bearer none"}):
        assert (await ann.post("/auth/login", json=body, headers=header)).status_code == 401
    assert (await ann.post("/auth/login", json=body, headers=bearer(here))).status_code == 200
    # And with that for everyone who knows the password.
    await People(ann).log_in()


async def test_a_new_password_opens_a_locked_account(services: Services, sender: From) -> None:
    await lock(services, sender)
    new_hash = await services.passwords.hash("another horse battery staple")
    async with services.db.transaction() as tx:
        user = await services.users.find_by_email(tx, "ann@example.com")
        assert user is not None
        await services.passwords.set(tx, user.id, new_hash)
    await People(sender(services)).log_in(password="another horse battery staple")


async def test_an_operator_opens_a_locked_account(services: Services, sender: From, events: Events) -> None:
    await lock(services, sender)
    operator = Actor(ActorKind.OPERATOR, "test")
    async with services.db.transaction() as tx:
        user = await services.users.find_by_email(tx, "ann@example.com")
        assert user is not None
        assert await services.lockout.lift(tx, user, actor=operator, origin=ORIGIN)
        assert not await services.lockout.lift(tx, user, actor=operator, origin=ORIGIN)
    await People(sender(services)).log_in()
    assert len(await events.of("account.unlocked")) == 1


async def test_a_right_password_of_a_suspended_user_is_no_failure(
    services: Services, sender: From, events: Events
) -> None:
    user = await People(sender(services)).sign_up()
    await suspend(services, user["sub"])
    for _ in range(6):
        assert (await log_in(sender(services), password=PASSWORD)).status_code == 401
    assert await events.of("account.locked") == []


@pytest.mark.attack("PWD-02")
async def test_known_and_unknown_accounts_get_the_same_answers_all_the_way(services: Services, sender: From) -> None:
    await People(sender(services, "192.0.2.9")).sign_up()
    seen = []
    for email, ip in (("ann@example.com", "192.0.2.1"), ("nobody@example.com", "192.0.2.2")):
        answers = [await log_in(sender(services, ip), email) for _ in range(6)]
        seen.append(
            [
                (
                    answer.status_code,
                    {**answer.json(), "trace_id": ""},
                    {name: value for name, value in answer.headers.items() if name not in {"x-trace-id", "ratelimit"}},
                    # What is left of a limit grows again with time.
                    answer.headers["ratelimit"].split(";r=")[0],
                )
                for answer in answers
            ]
        )
    assert seen[0] == seen[1]
