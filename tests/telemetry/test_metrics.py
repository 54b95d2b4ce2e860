"""What the service counts while it works, and that nothing a stranger sends becomes a series."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from uuid import uuid4

import pytest
from sqlalchemy import text

from app.audit.pending import sample_pending
from app.factors.password.hashing import HashingBusy, HashingCost, PasswordHasher
from app.foundation.background import Background
from app.foundation.cache import Cache, CacheUnavailable
from app.foundation.db import DatabaseUnavailable
from app.foundation.exposition import SharedMetrics, own_metrics
from app.foundation.job_lag import sample_jobs
from app.foundation.mail.outbox import Mail
from app.foundation.mail.pending import sample_mails
from app.foundation.metrics import DECLARED, FROM_CODE, REGISTRY, Counter, Gauge
from app.foundation.sampling import keep_sampling
from tests.support import problem
from tests.telemetry.exposed import here, parsed, value

pytestmark = pytest.mark.anyio


class Moved:
    """How far a series has moved since this was made."""

    def __init__(self) -> None:
        self._before = here()

    def by(self, name: str, **labels: str) -> float:
        return value(here(), name, **labels) - value(self._before, name, **labels)


async def test_sign_ins_are_counted_by_how_they_ended(people, api):
    moved = Moved()
    await people.signed_in("ann@example.com")
    for email in ("ann@example.com", "nobody@example.com"):
        problem(await api.post("/auth/login", json={"email": email, "password": "wrong"}), 401, "invalid_credentials")
    for result in ("success", "wrong_password", "unknown_user"):
        assert moved.by("sign_ins_total", result=result) == 1
    assert moved.by("refusals_total", code="invalid_credentials") == 2
    assert moved.by("grants_issued_total") == 1
    assert moved.by("tokens_signed_total", typ="at+jwt", algorithm="RS256") == 1
    assert moved.by("request_seconds_count", route="/auth/login", method="POST", status="4xx") == 2
    assert moved.by("hashing_wait_seconds_count") >= 3


async def test_refreshes_are_counted_by_what_came_of_them(people, api, services):
    tokens = await people.signed_in("ann@example.com")
    moved = Moved()
    first = {"refresh_token": tokens["refresh_token"]}
    second = await api.post("/auth/refresh", json=first)
    assert (await api.post("/auth/refresh", json=first)).json()["refresh_token"] == second.json()["refresh_token"]
    assert (await api.post("/auth/refresh", json={"refresh_token": second.json()["refresh_token"]})).status_code == 200
    assert (await api.post("/auth/refresh", json=first)).status_code == 401
    assert (await api.post("/auth/refresh", json={"refresh_token": "rt_nonsense"})).status_code == 401
    counted = {result: moved.by("refreshes_total", result=result) for result in ("rotated", "replayed", "reused")}
    assert counted == {"rotated": 2, "replayed": 1, "reused": 1}
    assert moved.by("refreshes_total", result="malformed") == 1


async def test_the_key_set_is_counted_as_new_or_known(api):
    moved = Moved()
    answer = await api.get("/.well-known/jwks.json")
    await api.get("/.well-known/jwks.json", headers={"If-None-Match": answer.headers["etag"]})
    assert moved.by("jwks_served_total", answer="new") == 1
    assert moved.by("jwks_served_total", answer="known") == 1


async def test_what_a_stranger_sends_makes_no_series(api):
    await api.get("/nowhere")
    before = here().keys()
    marks = [uuid4().hex for _ in range(4)]
    for mark in marks:
        await api.request("GET", f"/nowhere/{mark}?token={mark}", headers={"User-Agent": mark, "X-Forwarded-For": mark})
        await api.request(mark.upper()[:8], "/nowhere")
        await api.request(mark.upper()[:8], "/auth/login")
        await api.post("/auth/login", json={"email": f"{mark}@example.com", "password": mark, "audience": mark})
    shown = own_metrics().decode()
    assert not any(mark in shown or mark.upper()[:8] in shown for mark in marks)
    grown = {name for name, _ in here().keys() - before}
    assert all(name.startswith(("auth_service_request_seconds", "auth_service_refusals")) for name in grown)
    assert len(here().keys() - before) < 60


@pytest.fixture
def forgotten() -> Iterator[None]:
    """What a test declares is gone after it: the list of metrics is part of the documentation."""
    before, declared = set(REGISTRY._collector_to_names), set(DECLARED)
    yield
    for made in set(REGISTRY._collector_to_names) - before:
        REGISTRY.unregister(made)
    for name in set(DECLARED) - declared:
        del DECLARED[name]


@pytest.mark.usefixtures("forgotten")
def test_a_value_outside_a_closed_set_counts_as_other():
    counter = Counter(f"test_{uuid4().hex}", "For a test.", unit="tests", kind=("known",))
    counter.add("known")
    counter.add("made up")
    counter.add("made up again")
    shown = {labels: value for (name, labels), value in here().items() if name.startswith("auth_service_test_")}
    assert shown == {frozenset({("kind", "known")}): 1, frozenset({("kind", "other")}): 2}


@pytest.mark.usefixtures("forgotten")
def test_a_label_that_the_code_closes_is_bounded_all_the_same():
    name = f"test_{uuid4().hex}"
    counter = Counter(name, "For a test.", unit="tests", kind=FROM_CODE)
    for number in range(2500):
        counter.add(str(number))
    assert sum(series == f"auth_service_{name}_total" for series, _ in here()) <= 2001
    assert value(here(), f"{name}_total", kind="other") == 500


def test_a_name_says_its_unit():
    with pytest.raises(ValueError, match="_seconds"):
        Gauge("age", "For a test.", unit="seconds", across="max")


async def test_the_hasher_shows_its_queue_and_what_it_rejects():
    # Dear enough to be still at work when it is looked at.
    moved, hasher = Moved(), PasswordHasher(threads=1, queue=0, cost=HashingCost(passes=100))
    try:
        first = asyncio.ensure_future(hasher.hash(b"one"))
        await asyncio.sleep(0)
        with pytest.raises(HashingBusy):
            await hasher.hash(b"two")
        assert moved.by("hashing_places_taken") == 1
        await first
    finally:
        hasher.close()
    assert moved.by("hashing_rejections_total") == 1
    assert moved.by("hashing_places_taken") == 0


async def test_a_cache_that_does_not_answer_is_counted():
    moved, cache = Moved(), Cache("redis://127.0.0.1:1/0")
    with pytest.raises(CacheUnavailable):
        await cache.ping()
    await cache.close()
    assert moved.by("cache_errors_total") == 1


async def test_pools_show_their_use_and_who_waited(services):
    moved, held = Moved(), asyncio.Event()
    at_work = asyncio.Semaphore(0)

    async def hold() -> None:
        async with services.db.transaction() as tx:
            await tx.execute(text("SELECT 1"))
            at_work.release()
            await held.wait()

    tasks = [asyncio.create_task(hold()) for _ in range(8)]
    for _ in tasks:
        await at_work.acquire()
    services.db.sample()
    assert value(here(), "db_connections_in_use", pool="transactions") == 8
    assert value(here(), "db_connections_limit", pool="transactions") == 8
    with pytest.raises(DatabaseUnavailable):
        async with services.db.transaction():
            pass
    held.set()
    await asyncio.gather(*tasks)
    assert moved.by("db_pool_waits_total", pool="transactions") == 1


async def test_the_age_of_the_oldest_pending_event_is_shown(services, people):
    async with services.db.transaction() as tx:
        await tx.execute(text("UPDATE events SET status = 'done'"))
    await sample_pending(services.db, services.clock)
    assert value(here(), "events_oldest_pending_seconds") == 0
    await people.sign_up()
    async with services.db.transaction() as tx:
        await tx.execute(text("UPDATE events SET created_at = created_at - interval '1 hour' WHERE status = 'pending'"))
    await sample_pending(services.db, services.clock)
    assert 3600 <= value(here(), "events_oldest_pending_seconds") < 3900


async def test_the_age_of_the_oldest_pending_mail_is_shown(services):
    await sample_mails(services.db, services.clock)
    assert value(here(), "mails_oldest_pending_seconds") == 0
    values = {"url": "http://x.example/", "expires_in": 900, "wasnt_me_url": "http://x.example/"}
    async with services.db.transaction() as tx:
        await services.outbox.put(tx, Mail(to="ann@example.com", template="password_reset", values=values))
        await tx.execute(text("UPDATE mails SET created_at = created_at - interval '1 hour'"))
    await sample_mails(services.db, services.clock)
    assert 3600 <= value(here(), "mails_oldest_pending_seconds") < 3900


async def test_the_age_of_the_oldest_due_job_is_shown_and_one_set_for_later_has_none(services):
    await sample_jobs(services.db)
    assert value(here(), "jobs_oldest_due_seconds") == 0
    put = "INSERT INTO pgqueuer (priority, status, entrypoint, execute_after) VALUES (0, 'queued', 'mail', now() {})"
    try:
        async with services.db.transaction() as tx:
            await tx.execute(text(put.format("+ interval '1 hour'")))
        await sample_jobs(services.db)
        assert value(here(), "jobs_oldest_due_seconds") == 0
        async with services.db.transaction() as tx:
            await tx.execute(text(put.format("- interval '1 hour'")))
        await sample_jobs(services.db)
        assert 3600 <= value(here(), "jobs_oldest_due_seconds") < 3900
    finally:
        async with services.db.transaction() as tx:
            await tx.execute(text("DELETE FROM pgqueuer"))


async def test_signing_keys_are_shown_by_state(services):
    await services.keys.refresh()
    states = {s: value(here(), "signing_keys", algorithm="RS256", state=s) for s in ("active", "next", "retiring")}
    assert states == {"active": 1, "next": 1, "retiring": 0}


async def test_background_work_that_broke_is_shown_until_it_is_mended():
    background, healthy = Background(restart_seconds=0.01, mended_seconds=0.01), asyncio.Event()
    name = uuid4().hex

    async def work() -> None:
        if not healthy.is_set():
            raise RuntimeError("broken")
        await asyncio.Event().wait()

    background.start(name, work)
    async with asyncio.timeout(30):
        while value(here(), "background_work_alive", work=name) or not background.broken:
            await asyncio.sleep(0.01)
        healthy.set()
        while not value(here(), "background_work_alive", work=name):
            await asyncio.sleep(0.01)
    await background.stop()
    assert value(here(), "background_work_restarts_total", work=name) >= 1


async def test_a_sample_whose_engine_is_away_does_not_end_the_others():
    taken = asyncio.Event()

    async def away() -> None:
        raise DatabaseUnavailable

    task = asyncio.create_task(keep_sampling([away, taken.set], seconds=0.01))
    async with asyncio.timeout(30):
        await taken.wait()
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


_COUNTS = """
from app.foundation.metrics import Counter, Gauge, Histogram
import os
Counter("counted", "For a test.", unit="tests", kind=("a", "b")).add("a")
Gauge("standing", "For a test.", unit="tests", across="sum").set(5)
Histogram("took_seconds", "For a test.").observe(0.03)
print(os.getpid())
"""


def _process(shared: SharedMetrics) -> int:
    done = subprocess.run(
        [sys.executable, "-c", _COUNTS], env=dict(os.environ) | shared.environment, capture_output=True, check=True
    )
    return int(done.stdout)


async def test_what_ended_processes_counted_stays_and_their_files_go(tmp_path):
    shared = SharedMetrics(tmp_path)
    for ended in range(1, 4):
        pid = await asyncio.to_thread(_process, shared)
        assert value(parsed(shared.text().decode()), "standing") == 5
        shared.forget(pid)
        shown = parsed(shared.text().decode())
        assert value(shown, "counted_total", kind="a") == ended
        assert value(shown, "took_seconds_count") == ended
        assert value(shown, "took_seconds_bucket", le="0.05") == ended
        assert ("auth_service_standing", frozenset()) not in shown
    assert sorted(path.name for path in tmp_path.iterdir()) == ["counter_ended.db", "histogram_ended.db"]


async def test_a_file_that_a_process_is_about_to_begin_breaks_nothing(tmp_path):
    shared = SharedMetrics(tmp_path)
    (tmp_path / "counter_1.db").touch()
    assert shared.text() == b""
