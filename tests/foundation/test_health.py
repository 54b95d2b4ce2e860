"""What makes a process unready, and what only degrades it."""

import asyncio

import pytest

from app.foundation.draining import Drain
from app.foundation.errors import Unavailable
from app.foundation.health import Check, Health, router
from app.foundation.provide import install
from app.main import Application
from tests.edge.support import client, policy, problem

pytestmark = pytest.mark.anyio


class Engine:
    """Something that is looked at; `state` is what the look finds."""

    def __init__(self, state: str | Exception | None = None) -> None:
        self.state = state
        self.looks = 0

    async def look(self) -> str | None:
        self.looks += 1
        if isinstance(self.state, Exception):
            raise self.state
        return self.state


class Stopwatch:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def test_all_well_is_ready_with_each_latency():
    health = Health([Check("database", Engine().look, essential=True), Check("cache", Engine().look)], Drain())
    report = await health.report()
    assert report.failing == ()
    assert report.degraded == ()
    assert set(report.checks) == {"database", "cache"}
    assert all(shown["ok"] and shown["latency_ms"] >= 0 for shown in report.checks.values())


async def test_without_what_is_not_essential_the_process_is_degraded_and_ready():
    cache = Engine(Unavailable())
    report = await Health([Check("cache", cache.look)], Drain()).report()
    assert report.failing == ()
    assert report.degraded == ("cache",)


async def test_an_essential_fault_makes_the_process_unready_at_once():
    engine, watch = Engine(), Stopwatch()
    health = Health([Check("schema", engine.look, essential=True)], Drain(), monotonic=watch)
    await health.report()
    engine.state, watch.now = "too old", 101.0
    report = await health.report()
    assert report.failing == ("schema",)
    assert report.checks["schema"]["fault"] == "too old"


async def test_a_silent_engine_is_waited_for_five_seconds():
    engine, watch = Engine(), Stopwatch()
    health = Health([Check("database", engine.look, essential=True)], Drain(), monotonic=watch)
    await health.report()
    engine.state = Unavailable()
    for now, failing in ((110.0, ()), (115.0, ()), (115.6, ("database",))):
        watch.now = now
        report = await health.report()
        assert report.failing == failing
        assert report.degraded == (() if failing else ("database",))
    engine.state, watch.now = None, 117.0
    assert (await health.report()).failing == ()
    engine.state, watch.now = Unavailable(), 118.0
    assert (await health.report()).failing == ()


async def test_an_engine_that_never_answered_makes_the_process_unready():
    health = Health([Check("database", Engine(Unavailable()).look, essential=True)], Drain())
    assert (await health.report()).failing == ("database",)


async def test_a_look_that_takes_too_long_counts_as_silence():
    async def hang() -> None:
        await asyncio.Event().wait()

    report = await Health([Check("cache", hang)], Drain(), look_seconds=0.01).report()
    assert report.degraded == ("cache",)


async def test_callers_at_one_moment_share_a_look():
    engine, watch = Engine(), Stopwatch()
    health = Health([Check("database", engine.look, essential=True)], Drain(), monotonic=watch)
    await asyncio.gather(*(health.report() for _ in range(20)))
    assert engine.looks == 1
    watch.now += 0.6
    await health.report()
    assert engine.looks == 2


async def test_a_draining_process_is_unready_at_once_and_lives():
    drain = Drain()
    health = Health([Check("database", Engine().look, essential=True)], drain)
    app = Application(router, policy=policy())
    install(app, health)
    async with client(app) as api:
        ready = await api.get("/health/ready")
        assert ready.status_code == 200
        assert ready.json()["status"] == "ready"
        assert ready.json()["degraded"] == []
        drain.active = True
        answer = await api.get("/health/ready")
        body = problem(answer, 503, "not_ready")
        assert body["failing"] == ["draining"]
        assert body["checks"]["database"]["ok"] is True
        assert answer.headers["retry-after"] == "1"
        assert (await api.get("/health/live")).json() == {"status": "live"}
        assert (await api.head("/health/live")).status_code == 200


async def test_while_draining_clients_are_sent_to_another_process():
    edge = policy()
    app = Application(router, policy=edge)
    async with client(app) as api:
        assert "connection" not in (await api.get("/health/live")).headers
        edge.drain.active = True
        assert (await api.get("/health/live")).headers["connection"] == "close"
