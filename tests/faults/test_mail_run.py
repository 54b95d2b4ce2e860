"""The worker killed with kill -9 in the middle of a run of mails."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections import Counter

from app.foundation.jobs import CONCURRENCY
from app.foundation.mail.outbox import Mail
from tests.conftest import ENCRYPTION_KEY
from tests.faults.deployment import FULL
from tests.mailbox import sink_running
from tests.support import ISSUER

MAILS = 3_000 if FULL else 400
KILLS = 2
WAIT_SECONDS = 300 if FULL else 240


def start(settings, port):
    environment = {name: value for name, value in os.environ.items() if "__" not in name} | {
        "ENVIRONMENT": "development",
        "PUBLIC_URL": ISSUER,
        "DATABASE__URL": settings.database.url.get_secret_value(),
        "REDIS__URL": settings.redis.url.get_secret_value(),
        "ENCRYPTION__KEYS": ENCRYPTION_KEY,
        "SMTP__HOST": "127.0.0.1",
        "SMTP__PORT": str(port),
    }
    command = [sys.executable, "-m", "app.cli", "worker"]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


async def test_no_mail_is_lost_and_few_are_doubled_when_the_worker_is_killed_twice(services, settings):
    code = {"code": "123456", "expires_in": 600, "wasnt_me_url": f"{ISSUER}/wasnt-me?token=x"}
    for first in range(0, MAILS, 100):
        async with services.db.transaction() as tx:
            for n in range(first, first + 100):
                await services.outbox.put(tx, Mail(to=f"user{n}@example.com", template="login_code", values=code))
    with sink_running() as sink:
        for kill in range(KILLS):
            worker = start(settings, sink.port)
            await until(lambda enough=MAILS * (kill + 1) // 4: len(sink.received) >= enough)
            worker.send_signal(signal.SIGKILL)
            worker.wait()
        killed_at = time.monotonic()
        worker = start(settings, sink.port)
        try:
            await until(lambda: len({mail.to for mail in sink.received}) == MAILS)
            back = time.monotonic() - killed_at
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


async def until(is_so):
    async with asyncio.timeout(WAIT_SECONDS):
        while not is_so():
            await asyncio.sleep(0.01)
