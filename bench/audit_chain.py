"""What the audit log costs a sign-in, chain included, and how soon another process knows of a revocation.

    python -m bench.audit_chain

CPU is that of this process and of every process of an embedded PostgreSQL, by their own accounts, so that a busy
machine lengthens the run and hardly the figures. Sign-ins are the whole of `POST /auth/login` but the network.
"""

import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import psutil
from sqlalchemy import text

from app.audit.chaining import AuditChaining
from app.audit.event import SYSTEM
from app.foundation.engines.instance import Instance
from app.foundation.secrets import random_secret
from app.main import create_app
from app.migrations.run import migrate
from app.revocation.kinds import RevocationKind
from app.services import startup_origin
from app.sessions.events import SessionRevoked
from app.settings import Settings
from app.wiring import Services, build

SIGN_INS, ENTRIES, REVOCATIONS = 60, 4000, 300
PASSWORD = "correct horse battery staple"


def cpu_seconds() -> float:
    """Of this process and PostgreSQL, ended children included."""
    total = time.process_time()
    for process in psutil.process_iter(["name"]):
        if process.info["name"] == "postgres":
            try:
                times = process.cpu_times()
            except psutil.NoSuchProcess:
                continue
            if _is_ours(process):
                total += times.user + times.system + times.children_user + times.children_system
    return total


_OURS: set[int] = set()


def _is_ours(process: psutil.Process) -> bool:
    if process.pid in _OURS:
        return True
    try:
        ours = psutil.Process().pid in {parent.pid for parent in process.parents()}
    except psutil.NoSuchProcess:
        return False
    if ours:
        _OURS.add(process.pid)
    return ours


async def cost(work: Callable[[], Awaitable[object]], units: int) -> float:
    """CPU in microseconds for each unit."""
    before = cpu_seconds()
    await work()
    return (cpu_seconds() - before) * 1e6 / units


async def main() -> None:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, Instance(Path(folder), durable=True) as instance:
        engines = instance.start()
        await migrate(engines.database_url, datetime.now(UTC))
        settings = Settings(
            environment="development",
            public_url="http://localhost:8000",
            database={"url": engines.database_url},
            redis={"url": engines.redis_url},
            encryption={"keys": random_secret()},
        )
        services, other = build(settings), build(settings)
        await services.open()
        await other.open()
        result = {**await audit_cost(services), **await latency(services, other)}
        await services.close()
        await other.close()
    print(json.dumps(result, indent=2))


async def audit_cost(services: Services) -> dict[str, float]:
    transport = httpx2.ASGITransport(create_app(services=services))
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost:8000") as client:
        credentials = {"email": "ann@example.com", "password": PASSWORD}
        (await client.post("/auth/signup", json=credentials)).raise_for_status()

        async def sign_in() -> None:
            for _ in range(SIGN_INS):
                (await client.post("/auth/login", json=credentials)).raise_for_status()

        (await client.post("/auth/login", json=credentials)).raise_for_status()
        login = await cost(sign_in, SIGN_INS)
    async with services.db.transaction() as tx:
        per_login = (
            await tx.scalar(text("SELECT count(*) FROM audit_entries WHERE type = 'session.created'")) - 1
        ) / SIGN_INS
        await tx.execute(text("TRUNCATE audit_entries, events"))

    event = SessionRevoked(actor=SYSTEM, origin=startup_origin(), subject="s", sid="s" * 22, reason="logout")

    async def record() -> None:
        for _ in range(ENTRIES // 100):
            async with services.db.transaction() as tx:
                for _ in range(100):
                    await services.audit.record(tx, event)

    async def chain() -> None:
        chaining = AuditChaining()
        async with services.db.dedicated() as connection:
            while await chaining.step(connection):
                pass

    written = await cost(record, ENTRIES)
    chained = await cost(chain, ENTRIES)
    return {
        "login_cpu_us": round(login),
        "audit_entries_per_login": per_login,
        "entry_written_cpu_us": round(written),
        "entry_chained_cpu_us": round(chained),
        "audit_share_of_login": round((written + chained) * per_login / login, 4),
        "chain_share_of_login": round(chained * per_login / login, 4),
    }


async def latency(services: Services, other: Services) -> dict[str, float]:
    """From the commit in one process until another has applied it; that one leads, or the first does."""
    applied: dict[str, float] = {}
    other.follower.listen(RevocationKind.SID, lambda revoked: applied.__setitem__(revoked.target, time.perf_counter()))
    beside = []
    for each in (services, other):
        beside += [asyncio.create_task(each.feed.run()), asyncio.create_task(each.wake.hear())]
        await asyncio.sleep(1)
    figures = {}
    for name in ("woken", "by looking alone"):
        if name != "woken":
            for task in beside[1::2]:
                task.cancel()
        delays = []
        for n in range(REVOCATIONS):
            target = f"{name}{n}"
            async with services.db.transaction() as tx:
                await services.revocations.add(tx, RevocationKind.SID, target, reason="bench")
            committed = time.perf_counter()
            while target not in applied:
                await asyncio.sleep(0.0005)
            delays.append((applied[target] - committed) * 1000)
            await asyncio.sleep(0.005 + (n % 10) / 100)
        delays.sort()
        figures[f"applied_elsewhere_p50_ms_{name}"] = round(statistics.median(delays), 1)
        figures[f"applied_elsewhere_p99_ms_{name}"] = round(delays[int(len(delays) * 0.99)], 1)
    idle = cpu_seconds()
    await asyncio.sleep(10)
    figures["idle_cpu_percent_two_processes"] = round((cpu_seconds() - idle) * 10, 2)
    for task in beside:
        task.cancel()
    await asyncio.gather(*beside, return_exceptions=True)
    return figures


if __name__ == "__main__":
    asyncio.run(main())
