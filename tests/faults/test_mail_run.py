"""The worker killed with kill -9 in the middle of a run of mails, and while receivers of webhooks have its events."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from app.foundation.jobs import CONCURRENCY
from app.foundation.mail.outbox import Mail
from app.settings import Settings
from tests.conftest import ENCRYPTION_KEY, settings_for
from tests.faults.deployment import FULL
from tests.mailbox import sink_running
from tests.support import ISSUER
from tests.webhooks.conftest import Hooks
from tests.webhooks.receiver import Answer, Receiver, answer, hang, receiving

MAILS = 3_000 if FULL else 400
KILLS = 2
SUBJECTS = ("ann", "bob", "cem")
EVENTS = 20 if FULL else 5
WAIT_SECONDS = 300 if FULL else 240
LOOPBACK = "127.0.0.0/8"


@pytest.fixture
def settings(database_url, engines) -> Settings:
    return settings_for(database_url, engines, http={"allow_private": [LOOPBACK]})


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as started:
        yield started


def start(settings, port):
    environment = {name: value for name, value in os.environ.items() if "__" not in name} | {
        "ENVIRONMENT": "development",
        "PUBLIC_URL": ISSUER,
        "DATABASE__URL": settings.database.url.get_secret_value(),
        "REDIS__URL": settings.redis.url.get_secret_value(),
        "ENCRYPTION__KEYS": ENCRYPTION_KEY,
        "SMTP__HOST": "127.0.0.1",
        "SMTP__PORT": str(port),
        "HTTP__ALLOW_PRIVATE": LOOPBACK,
        # What the dead had in hand is sent again after this and ten seconds more.
        "WEBHOOKS__TIMEOUT_SECONDS": "2",
    }
    command = [sys.executable, "-m", "app.cli", "worker"]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def fatal(worker: subprocess.Popen[bytes], *, answered: bool) -> Answer:
    """Kill the worker as soon as the receiver has an event: before any answer, or right after it was sent."""

    async def kill(writer: asyncio.StreamWriter) -> None:
        if answered:
            await answer()(writer)
        worker.send_signal(signal.SIGKILL)
        await hang(writer)

    return kill


@pytest.mark.attack("HOK-04")
async def test_no_mail_and_no_event_is_lost_and_few_are_doubled_when_the_worker_is_killed_twice(
    services, settings, receiver
):
    hooks = Hooks(services, receiver)
    endpoint = (await hooks.create()).endpoint
    code = {"code": "123456", "expires_in": 600, "wasnt_me_url": f"{ISSUER}/wasnt-me?token=x"}
    for first in range(0, MAILS, 100):
        async with services.db.transaction() as tx:
            for n in range(first, first + 100):
                await services.outbox.put(tx, Mail(to=f"user{n}@example.com", template="login_code", values=code))
    with sink_running() as sink:
        for kill in range(KILLS):
            receiver.answers.clear()
            worker = start(settings, sink.port)
            await until(lambda enough=MAILS * (kill + 1) // 4: len(sink.received) >= enough)
            # Nobody has written down that it was delivered, and the second time perhaps nobody.
            receiver.answers["/in"] = fatal(worker, answered=kill > 0)
            for number in range(EVENTS):
                await hooks.happen(*SUBJECTS, f"new {kill}", changed=f"{kill}.{number:02}")
            assert await asyncio.to_thread(worker.wait, WAIT_SECONDS) == -signal.SIGKILL
        receiver.answers.clear()
        killed_at = time.monotonic()
        worker = start(settings, sink.port)
        try:
            await until(lambda: len({mail.to for mail in sink.received}) == MAILS)
            back = time.monotonic() - killed_at
            async with asyncio.timeout(WAIT_SECONDS):
                while set(await hooks.states(endpoint.id)) != {"delivered"}:
                    await asyncio.sleep(0.05)
        finally:
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(60) == 0
    counts = Counter(str(mail.message["Message-ID"]) for mail in sink.received)
    doubled = sum(counts.values()) - len(counts)
    print(
        f"kill -9 mail run: {MAILS} mails, {KILLS} kills, lost 0, doubled {doubled}, all in {back:.1f} s after the last"
    )
    assert len(counts) == MAILS
    assert doubled <= KILLS * CONCURRENCY
    check_events(receiver, in_hand=services.settings.webhooks.concurrency)


def check_events(receiver: Receiver, *, in_hand: int) -> None:
    """Every event came, those in hand at a kill once more with the same id and body, and each object's in order."""
    requests = receiver.sent_to()
    contents: dict[str, set[bytes]] = {}
    told: dict[str, list[str]] = {}
    for each in requests:
        contents.setdefault(each.id, set()).add(each.content)
        told.setdefault(each.body["data"]["sub"], []).append(each.body["data"]["changed"])
    doubled = len(requests) - len(contents)
    print(f"kill -9 webhooks: {len(contents)} events, {KILLS} kills, lost 0, sent again {doubled}, all in order")
    assert all(len(bodies) == 1 for bodies in contents.values())
    assert 1 <= doubled <= KILLS * in_hand
    for subject, order in told.items():
        rounds = range(KILLS) if subject in SUBJECTS else [int(subject.removeprefix("new "))]
        assert order == sorted(order), subject
        assert sorted(set(order)) == [f"{kill}.{number:02}" for kill in rounds for number in range(EVENTS)], subject


async def until(is_so):
    async with asyncio.timeout(WAIT_SECONDS):
        while not is_so():
            await asyncio.sleep(0.01)
