"""Looking after endpoints: pauses and their notice, replays, the log, and what is past use."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from app.webhooks.errors import DeliveryUnderWay, InvalidWebhook, TooManyWebhooks, WebhookNotFound
from app.webhooks.service import EndpointChange
from app.webhooks.sweep import sweep
from app.wiring import Services
from app.worker import Worker
from tests.mailbox import mailbox_of, working
from tests.support import Events
from tests.webhooks.conftest import OPERATOR, ORIGIN, Hooks
from tests.webhooks.receiver import Receiver, answer, hang, until
from tests.webhooks.test_delivery import until_attempts, until_settled, until_states

pytestmark = pytest.mark.anyio

BY = {"actor": OPERATOR, "origin": ORIGIN}


async def test_endpoint_that_fails_for_long_is_paused_and_administrators_are_told(
    hooks: Hooks, receiver: Receiver, services: Services, events: Events, people, later
):
    made = await hooks.create("/in", "user.updated")
    await services.administrators.create(email="root@example.com", password=None, **BY)
    receiver.answers["/in"] = answer("500 Internal Server Error")
    await hooks.failed(made.endpoint.id, timedelta(days=4))
    async with mailbox_of(services) as mailbox:
        await hooks.happen("ann")
        mail = await mailbox.wait_for(template="webhook_paused")
        assert mail.to == "root@example.com"
        assert "127.0.0.1" in mail.text
        endpoint = await services.webhooks.registry.get(made.endpoint.id)
        assert (endpoint.state.value, endpoint.paused_reason) == ("paused", "failing")
        [paused] = await events.of("webhook.paused")
        assert paused["details"]["webhook_id"] == str(endpoint.id)
        sent = len(receiver.requests)
        del receiver.answers["/in"]
        await hooks.happen("bob")
        later(timedelta(minutes=5))
        await until_states(hooks, endpoint.id, "pending", "pending")
        assert len(receiver.requests) == sent
        resumed = await services.webhooks.registry.resume(endpoint.id, **BY)
        assert (resumed.state.value, resumed.failures) == ("active", 0)
        await until_settled(hooks, endpoint.id)
    assert len(receiver.taken) == 2
    assert len(await events.of("webhook.resumed")) == 1


async def test_endpoint_that_says_it_is_gone_is_paused_at_once(hooks, receiver, worker, services: Services):
    made = await hooks.create()
    receiver.answers["/in"] = answer("410 Gone")
    await hooks.happen("ann")
    await until_attempts(hooks, made.endpoint.id, 1)
    assert (await services.webhooks.registry.get(made.endpoint.id)).paused_reason == "gone"


async def test_success_ends_an_outage_and_what_waited_is_sent_at_once(hooks, receiver, worker, services, later):
    made = await hooks.create()
    receiver.answers["/in"] = answer("500 Internal Server Error")
    subjects = [f"user {number}" for number in range(6)]
    await hooks.happen(*subjects)
    await until_attempts(hooks, made.endpoint.id, 6)
    async with services.db.transaction() as tx:
        await tx.execute(text("UPDATE webhook_deliveries SET due_at = due_at + interval '50 minutes'"))
    del receiver.answers["/in"]
    await hooks.happen("somebody else")
    await until_settled(hooks, made.endpoint.id)
    assert len(receiver.taken) == 7


async def test_disabled_endpoint_is_told_nothing_and_what_happens_meanwhile_never(
    hooks, receiver, worker, services: Services
):
    made = await hooks.create()
    other = await hooks.create("/other")
    change = services.webhooks.registry.update
    await change(made.endpoint.id, EndpointChange(disabled=True), **BY)
    await hooks.happen("ann", changed="unheard")
    await until(lambda: receiver.sent_to("/other"))
    await change(made.endpoint.id, EndpointChange(disabled=False), **BY)
    await hooks.happen("ann", changed="heard")
    await until(lambda: len(receiver.sent_to("/other")) == 2 and receiver.sent_to("/in"))
    assert [each.body["data"]["changed"] for each in receiver.sent_to("/in")] == ["heard"]
    await until_settled(hooks, other.endpoint.id)


async def test_deleted_endpoint_is_sent_nothing_more(hooks, receiver, worker, services: Services, later):
    made = await hooks.create()
    receiver.answers["/in"] = answer("500 Internal Server Error")
    await hooks.happen("ann")
    await until_attempts(hooks, made.endpoint.id, 1)
    await services.webhooks.registry.delete(made.endpoint.id, **BY)
    await hooks.create("/other")
    later(timedelta(minutes=10))
    await hooks.happen("ann")
    await until(lambda: receiver.sent_to("/other"))
    assert len(receiver.sent_to("/in")) == 1
    with pytest.raises(WebhookNotFound):
        await services.webhooks.registry.get(made.endpoint.id)
    async with services.db.transaction() as tx:
        assert await tx.scalar(text("SELECT count(*) FROM webhook_secrets")) == 1


async def test_one_delivery_is_replayed_with_its_id_and_all_that_failed_in_their_order(
    hooks, receiver, worker, services: Services, later
):
    made = await hooks.create()
    endpoint_id, log = made.endpoint.id, services.webhooks.log
    receiver.answers["/in"] = answer("500 Internal Server Error")
    await hooks.happen("ann", "ann", "bob")
    await until_attempts(hooks, endpoint_id, 2)
    [first, *_] = await hooks.deliveries(endpoint_id)
    with pytest.raises(DeliveryUnderWay):
        await log.replay(endpoint_id, first.id, **BY)
    for _ in range(3):
        later(timedelta(days=1))
        await sweep(services.db, services.clock)
    await until_states(hooks, endpoint_id, "dead", "dead", "dead")
    del receiver.answers["/in"]
    assert await log.replay_failed(endpoint_id, since=services.clock.now(), **BY) == 0
    assert await log.replay_failed(endpoint_id, since=first.created_at, **BY) == 3
    await until_settled(hooks, endpoint_id)
    assert await hooks.states(endpoint_id) == ["delivered"] * 3
    of_ann = [each.body["data"]["changed"] for each in receiver.taken if each.body["data"]["sub"] == "ann"]
    assert of_ann == ["0", "1"]
    await log.replay(endpoint_id, first.id, **BY)
    await until(lambda: len(receiver.taken) == 4)
    assert receiver.taken[-1].id == str(first.event_id)
    assert receiver.taken[-1].body["data"]["changed"] == "0"


async def test_deliveries_that_nobody_tries_end_too_and_the_lane_goes_on(hooks, receiver, worker, services, later):
    made = await hooks.create()
    async with services.db.transaction() as tx:
        await tx.execute(text("UPDATE webhook_endpoints SET paused_at = now(), paused_reason = 'gone'"))
    await hooks.happen("ann", changed="old")
    await until_states(hooks, made.endpoint.id, "pending")
    later(timedelta(hours=23))
    await hooks.happen("ann", changed="young")
    await until_states(hooks, made.endpoint.id, "pending", "queued")
    later(timedelta(hours=2))
    assert await sweep(services.db, services.clock) == 1
    assert await hooks.states(made.endpoint.id) == ["dead", "pending"]
    await services.webhooks.registry.resume(made.endpoint.id, **BY)
    await until_states(hooks, made.endpoint.id, "dead", "delivered")


async def test_log_shows_what_was_sent_and_answered_and_is_purged_when_its_time_is_over(
    hooks, receiver, worker, services: Services, later
):
    made = await hooks.create()
    receiver.answers["/in"] = answer("200 OK", b"thanks\x00" + b"x" * 5000)
    await hooks.happen("ann")
    await until_states(hooks, made.endpoint.id, "delivered")
    [attempt] = await hooks.attempts(made.endpoint.id)
    assert (attempt.status, attempt.failure, len(attempt.answer)) == (200, None, 1024)
    assert attempt.answer.startswith("thanks\N{REPLACEMENT CHARACTER}x")
    await services.purge.run()
    assert await hooks.states(made.endpoint.id) == ["delivered"]
    later(timedelta(days=31))
    await services.purge.run()
    assert await hooks.states(made.endpoint.id) == []
    async with services.db.transaction() as tx:
        assert await tx.scalar(text("SELECT count(*) FROM webhook_attempts")) == 0


async def test_secret_that_cannot_be_read_sends_nothing_unsigned(hooks, receiver, worker, services: Services):
    made = await hooks.create()
    async with services.db.transaction() as tx:
        await tx.execute(text("UPDATE webhook_secrets SET sealed = set_byte(sealed, 40, 1 - get_byte(sealed, 40) % 2)"))
    await hooks.happen("ann")
    await until_attempts(hooks, made.endpoint.id, 1)
    assert (await hooks.attempts(made.endpoint.id))[0].failure == "secret"
    assert receiver.requests == []


async def test_secret_is_stored_sealed_alone(hooks, services: Services):
    made = await hooks.create()
    async with services.db.transaction() as tx:
        rows = (await tx.execute(text("SELECT sealed, s::text AS whole FROM webhook_secrets s"))).all()
    assert made.raw_secret.removeprefix("whsec_") not in rows[0].whole


@pytest.mark.attack("HOK-01")
@pytest.mark.parametrize("url", ["https://10.0.0.1/", "https://[::1]/", "http://example.com@127.0.0.1/", "https://0/"])
async def test_target_inside_is_refused_when_it_is_saved(hooks, services: Services, url):
    create = services.webhooks.registry.create
    with pytest.raises(InvalidWebhook) as refused:
        await create(url=url, event_types=["*"], description=None, **BY)
    assert refused.value.extensions["errors"][0]["pointer"] == "/url"
    made = await hooks.create()
    with pytest.raises(InvalidWebhook):
        await services.webhooks.registry.update(made.endpoint.id, EndpointChange(url=url), **BY)


@pytest.mark.parametrize("types", [[], ["user.exploded"], ["user.created"] * 51])
async def test_types_that_nobody_is_told_of_are_refused(services: Services, types):
    with pytest.raises(InvalidWebhook):
        await services.webhooks.registry.create(
            url="https://hooks.example.com/", event_types=types, description="one\nline", **BY
        )


async def test_there_are_no_more_endpoints_than_the_setting_allows(hooks, services: Services, settings):
    services.webhooks.registry._max_endpoints = 1
    await hooks.create()
    with pytest.raises(TooManyWebhooks):
        await hooks.create("/second")


async def test_hanging_receiver_does_not_hold_up_the_end_of_a_worker(hooks, receiver, services: Services):
    await hooks.create()
    receiver.answers["/in"] = hang
    async with working(Worker(services)):
        await hooks.happen("ann")
        await until(lambda: receiver.requests)
    assert not services.webhooks.delivery._dispatch.in_hand
