"""Events reach the endpoints that ask for them: signed, in order per object, at least once."""

import asyncio
import base64
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from app.users.events import UserCreated, UserSuspended, UserUpdated
from app.wiring import Services, build
from app.worker import Worker
from tests.mailbox import working
from tests.support import People
from tests.webhooks.conftest import OPERATOR, ORIGIN, Hooks
from tests.webhooks.receiver import answer, close_early, drip, flood, hang, until

pytestmark = pytest.mark.anyio


@pytest.mark.attack("HOK-02")
async def test_event_arrives_signed_as_the_standards_own_library_verifies_it(hooks, receiver, worker):
    made = await hooks.create()
    await hooks.happen("ann", changed="name")
    await until_states(hooks, made.endpoint.id, "delivered")
    received = receiver.taken[0]
    body = Webhook(made.raw_secret).verify(received.content, received.headers)
    assert body == {
        "id": received.id,
        "type": "user.updated",
        "timestamp": body["timestamp"],
        "data": {"sub": "ann", "changed": "name"},
    }
    assert datetime.fromisoformat(body["timestamp"]) <= datetime.now(UTC) + timedelta(seconds=10)
    assert received.headers["content-type"] == "application/json"
    with pytest.raises(WebhookVerificationError):
        Webhook(made.raw_secret).verify(received.content + b" ", received.headers)


async def test_what_people_do_is_told(hooks, receiver, worker, people: People):
    await hooks.create("/in", "user.created", "session.created")
    await people.signed_in()
    await until(lambda: len(receiver.taken) >= 2)
    assert [each.body["type"] for each in receiver.taken] == ["user.created", "session.created"]
    assert {each.body["data"]["sub"] for each in receiver.taken} == {receiver.taken[0].body["data"]["sub"]}


async def test_endpoint_is_told_of_the_types_that_it_asks_for(hooks, receiver, worker):
    await hooks.create("/created", "user.created")
    await hooks.create("/all")
    await hooks.record(
        updated("ann"),
        UserCreated(actor=OPERATOR, origin=ORIGIN, subject="bob", entry="operator"),
        # Nobody can be told of these.
        UserSuspended(actor=OPERATOR, origin=ORIGIN, subject="bob"),
    )
    await until(lambda: len(receiver.taken) >= 3)
    assert [each.body["type"] for each in receiver.sent_to("/created")] == ["user.created"]
    assert {each.body["type"] for each in receiver.sent_to("/all")} == {"user.created", "user.updated"}


@pytest.mark.attack("HOK-05")
async def test_body_holds_nothing_that_is_for_the_log_alone(hooks, receiver, worker, people: People, api):
    await hooks.create()
    await people.sign_up(password="a secret that is one")
    answered = await api.post("/auth/login", json={"email": "ann@example.com", "password": "another secret"})
    assert answered.status_code == 401
    tokens = await people.log_in(password="a secret that is one")
    await until(lambda: {"session.created", "login.failed"} <= {each.body["type"] for each in receiver.taken})
    failed = next(each.body for each in receiver.taken if each.body["type"] == "login.failed")
    assert failed["data"].keys() == {"sub", "audience"}
    said = b"".join(each.content for each in receiver.taken).decode()
    for secret in ("secret", "argon2", "ann@example.com", tokens["access_token"], tokens["refresh_token"], "trace"):
        assert secret not in said


async def test_events_of_one_object_arrive_in_their_order_and_never_two_at_once(hooks, receiver, worker):
    made = await hooks.create()
    subjects = ["ann", "bob", "cem"]
    for number in range(20):
        await hooks.happen(*subjects, changed=str(number))
    await until(lambda: len(receiver.taken) >= 60)
    for subject in subjects:
        told = [each.body["data"]["changed"] for each in receiver.taken if each.body["data"]["sub"] == subject]
        assert told == [str(number) for number in range(20)]
    await until_settled(hooks, made.endpoint.id)


async def test_events_of_one_transaction_arrive_in_their_order(hooks, receiver, worker):
    await hooks.create()
    await hooks.record(*(updated("ann", str(number)) for number in range(30)))
    await until(lambda: len(receiver.taken) >= 30)
    assert [each.body["data"]["changed"] for each in receiver.taken] == [str(number) for number in range(30)]


async def test_an_event_exists_only_if_its_change_committed(hooks, receiver, worker, services: Services):
    await hooks.create()
    async with services.db.transaction() as tx:
        await services.audit.record(tx, updated("ann", "lost"))
        await tx.rollback()
    await hooks.happen("ann", changed="kept")
    await until(lambda: receiver.taken)
    assert [each.body["data"]["changed"] for each in receiver.taken] == ["kept"]


@pytest.mark.attack("HOK-03")
@pytest.mark.parametrize(
    ("told", "failure"),
    [
        (answer("500 Internal Server Error", b"broken"), "status"),
        (answer("302 Found", b"", "Location: http://127.0.0.1:1/"), "status"),
        (hang, "timeout"),
        (drip, "timeout"),
        (flood, "too_large"),
        (close_early, "broken"),
    ],
    ids=["500", "redirect", "hangs", "drips", "100 MB", "closes early"],
)
async def test_failed_delivery_is_tried_again_with_the_same_id_and_body(hooks, receiver, worker, later, told, failure):
    made = await hooks.create()
    receiver.answers["/in"] = told
    await hooks.happen("ann", "ann")
    await until(lambda: receiver.requests)
    await until_attempts(hooks, made.endpoint.id, 1)
    del receiver.answers["/in"]
    later(timedelta(seconds=10))
    await until(lambda: len(receiver.taken) >= 2)
    assert receiver.requests[0].id == receiver.taken[0].id
    assert receiver.requests[0].content == receiver.taken[0].content
    assert [each.body["data"]["changed"] for each in receiver.taken] == ["0", "1"]
    await until_settled(hooks, made.endpoint.id)
    first = (await hooks.attempts(made.endpoint.id))[0]
    assert first.failure == failure
    if failure == "status":
        assert first.status in {500, 302}
    if first.status == 500:
        assert first.answer == "broken"


@pytest.mark.attack("HOK-03")
async def test_waits_grow_and_after_a_day_the_delivery_is_kept_aside_and_the_next_one_goes(
    hooks, receiver, worker, later
):
    made = await hooks.create()
    endpoint_id = made.endpoint.id
    receiver.answers["/in"] = answer("500 Internal Server Error")
    await hooks.happen("ann", changed="first")
    waits = []
    for attempt in range(1, 6):
        await until_attempts(hooks, endpoint_id, attempt)
        [delivery] = await hooks.deliveries(endpoint_id)
        waits.append(delivery.due_at - (await hooks.attempts(endpoint_id))[-1].at)
        later(timedelta(seconds=100))
    for number, wait in enumerate(waits):
        assert timedelta(seconds=2.4 * 2**number) < wait < timedelta(seconds=5 * 2**number + 30)
    later(timedelta(days=1))
    await until_states(hooks, endpoint_id, "dead")
    del receiver.answers["/in"]
    await hooks.happen("ann", changed="second")
    await until_states(hooks, endpoint_id, "dead", "delivered")


@pytest.mark.attack("HOK-03")
async def test_receiver_that_asks_for_time_is_given_it(hooks, receiver, worker, later):
    made = await hooks.create()
    receiver.answers["/in"] = answer("429 Too Many Requests", b"", "Retry-After: 600")
    await hooks.happen("ann")
    await until_attempts(hooks, made.endpoint.id, 1)
    del receiver.answers["/in"]
    await hooks.happen("bob")
    later(timedelta(seconds=300))
    await until_states(hooks, made.endpoint.id, "pending", "pending")
    assert len(receiver.requests) == 1
    later(timedelta(seconds=310))
    await until_states(hooks, made.endpoint.id, "delivered", "delivered")


async def test_slow_endpoint_has_a_few_places_and_delays_nobody(hooks, receiver, worker, services: Services):
    slow = await hooks.create("/slow")
    await hooks.create("/quick")
    receiver.answers["/slow"] = hang
    await hooks.happen(*(f"user {number}" for number in range(30)))
    await until(lambda: len(receiver.sent_to("/quick")) == 30, seconds=30)
    assert "delivered" not in await hooks.states(slow.endpoint.id)
    assert receiver.most_open["/slow"] <= services.settings.webhooks.concurrency


@pytest.mark.attack("HOK-04")
async def test_what_a_dead_worker_had_in_hand_is_sent_again_with_the_same_id(hooks, receiver, services, later):
    made = await hooks.create()
    receiver.answers["/in"] = hang
    first = Worker(services)
    async with working(first):
        await hooks.happen("ann", "ann")
        await until(lambda: receiver.requests)
        for task in tuple(services.webhooks.delivery._dispatch._in_hand):
            task.cancel()
    assert await hooks.states(made.endpoint.id) == ["sending", "queued"]
    del receiver.answers["/in"]
    later(timedelta(seconds=60))
    async with working(Worker(services)):
        await until(lambda: len(receiver.taken) >= 2)
        await until_settled(hooks, made.endpoint.id)
    assert receiver.requests[0].id == receiver.taken[0].id
    assert [each.body["data"]["changed"] for each in receiver.taken] == ["0", "1"]


async def test_two_workers_send_each_event_once_and_in_order(hooks, receiver, services: Services, settings):
    second = build(settings)
    await second.open()
    made = await hooks.create()
    try:
        async with working(Worker(services)), working(Worker(second)):
            for number in range(15):
                await hooks.happen("ann", "bob", changed=str(number))
            await until(lambda: len(receiver.taken) >= 30)
            await until_settled(hooks, made.endpoint.id)
    finally:
        await second.close()
    assert len({each.id for each in receiver.requests}) == len(receiver.requests) == 30
    told = [each.body["data"]["changed"] for each in receiver.taken if each.body["data"]["sub"] == "bob"]
    assert told == [str(number) for number in range(15)]


@pytest.mark.attack("HOK-06")
async def test_both_secrets_sign_while_they_overlap(hooks, receiver, worker, services: Services, later):
    made = await hooks.create()
    receiver.answers["/in"] = answer("500 Internal Server Error")
    await hooks.happen("ann")
    await until_attempts(hooks, made.endpoint.id, 1)
    rotated = await services.webhooks.registry.rotate_secret(
        made.endpoint.id, overlap=timedelta(hours=1), actor=OPERATOR, origin=ORIGIN
    )
    del receiver.answers["/in"]
    later(timedelta(seconds=10))
    await until(lambda: receiver.taken)
    for secret in (made.raw_secret, rotated.raw_secret):
        verified(secret, receiver.taken[0])
    later(timedelta(hours=1))
    await hooks.happen("ann")
    await until(lambda: len(receiver.taken) == 2)
    verified(rotated.raw_secret, receiver.taken[1])
    with pytest.raises(WebhookVerificationError):
        verified(made.raw_secret, receiver.taken[1])


@pytest.mark.attack("HOK-01")
async def test_target_that_has_come_to_lead_inside_is_refused_at_each_sending(hooks, receiver, services, worker):
    made = await hooks.create()
    services.outbound.egress._networks = ()
    await hooks.happen("ann")
    await until_attempts(hooks, made.endpoint.id, 1)
    assert (await hooks.attempts(made.endpoint.id))[0].failure == "refused"
    assert receiver.requests == []


def verified(secret, received):
    # The clock of the services runs ahead of the library's.
    at = int(received.headers["webhook-timestamp"])
    key = base64.b64decode(secret.removeprefix("whsec_"))
    webhook = Webhook(key)
    signed = webhook.sign(received.id, datetime.fromtimestamp(at, UTC), received.content.decode())
    if signed not in received.headers["webhook-signature"].split():
        raise WebhookVerificationError("no signature of this secret")


def updated(subject: str, changed: str = "name"):
    return UserUpdated(actor=OPERATOR, origin=ORIGIN, subject=subject, changed=changed)


async def until_attempts(hooks: Hooks, endpoint_id, count: int) -> None:
    async with asyncio.timeout(60):
        while len(await hooks.attempts(endpoint_id)) < count:
            await asyncio.sleep(0.02)


async def until_states(hooks: Hooks, endpoint_id, *states: str) -> None:
    async with asyncio.timeout(60):
        while await hooks.states(endpoint_id) != list(states):
            await asyncio.sleep(0.02)


async def until_settled(hooks: Hooks, endpoint_id) -> None:
    async with asyncio.timeout(60):
        while set(await hooks.states(endpoint_id)) - {"delivered", "dead"}:
            await asyncio.sleep(0.02)
