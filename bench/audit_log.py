"""`python -m bench.audit_log [ENTRIES]`: chaining, searching, verifying and exporting a log of so many entries.

On an engine of its own. Prints entries a second and the memory of the process of each walk over the whole log, and the
50th and 95th percentile of each search with a page of 50, the entry that says who searched included. The goal of a
page is 20 ms at a million.
"""

import asyncio
import random
import resource
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta

import asyncpg

from app.audit.chaining import AuditChaining
from app.audit.event import Actor, ActorKind, Outcome
from app.audit.export import ExportFormat, lines
from app.audit.heads import HEAD_TYP, Head
from app.audit.search import AuditFilter
from app.audit.verification import LogVerification
from app.foundation.dsn import driver_dsn
from app.foundation.origin import Origin
from app.signing_keys.witness import Witness
from app.wiring import Services
from bench.in_process import services_of_their_own

SEARCHES, PAGE = 200, 50
SUBJECTS, ADDRESSES = 50_000, 20_000
ACTOR = Actor(ActorKind.OPERATOR, "bench")
ORIGIN = Origin(ip=None, user_agent=None, trace_id="0" * 32)
# One a second, the last of them now. Of a thousand, 50 are refused sign-ins and one locks an account.
_FILL = """
INSERT INTO audit_entries (id, at, type, outcome, actor_kind, actor_id, subject, ip, user_agent, trace_id, details)
SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '70008' || substr(md5(n::text), 1, 15))::uuid,
  at, type, CASE WHEN type = 'login.failed' THEN 'refused' ELSE 'success' END, 'user', 'user-' || who, 'user-' || who,
  '198.51.' || n * 7919 % 80 || '.' || n * 104729 % 250, 'Mozilla/5.0 (X11; Linux x86_64; rv:145.0)', md5('t' || n),
  jsonb_build_object('sid', md5('s' || n), 'amr', jsonb_build_array('pwd'), 'client_id', 'first-party')
FROM (SELECT n, n::bigint * 7919 % $3 AS who, $2::timestamptz - ($1 - n) * interval '1 second' AS at,
    CASE WHEN n % 1000 = 0 THEN 'account.locked' WHEN n % 20 = 0 THEN 'login.failed'
      WHEN n % 3 = 0 THEN 'session.revoked' ELSE 'session.created' END AS type
  FROM generate_series(1, $1::int) n) made
"""


async def measure(entries: int) -> None:
    async with services_of_their_own("log") as services:
        await fill(services, entries)
        await searching(services, entries)
        await walk("verify", lambda: verify(services))
        await walk("export, NDJSON", lambda: export(services))


async def fill(services: Services, entries: int) -> None:
    connection = await asyncpg.connect(
        driver_dsn(services.settings.database.url.get_secret_value()), command_timeout=3600
    )
    try:
        # Those of the start are younger than what is written here, and the chain is in the order of joining.
        await connection.execute(_FILL, entries, services.clock.now(), SUBJECTS)
        await connection.execute("VACUUM ANALYZE audit_entries")
        await walk("chain", lambda: chain(services))
        await connection.execute("VACUUM ANALYZE audit_entries")
    finally:
        await connection.close()


async def walk(words: str, work: Callable[[], Awaitable[int]]) -> None:
    """Go once over the log."""
    before, began = peak(), time.perf_counter()
    entries = await work()
    seconds = time.perf_counter() - began
    grown = f"memory at most {peak():.0f} MB ({peak() - before:+.0f})"
    print(f"{words:<30} {entries} entries in {seconds:.1f} s, {entries / seconds:.0f}/s; {grown}", flush=True)


def peak() -> float:
    """The greatest memory of this process so far, in megabytes."""
    # Kilobytes on Linux.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def chain(services: Services) -> int:
    chaining = AuditChaining()
    async with services.db.dedicated() as connection:
        while await chaining.step(connection):
            pass
        return int(await connection.fetchval("SELECT number FROM audit_chain"))


async def verify(services: Services) -> int:
    async with services.db.transaction() as tx:
        witness = await Witness.of(tx)

    def read(jws: str) -> Head:
        return Head.of_claims(witness.read(jws, typ=HEAD_TYP))

    found = await LogVerification(services.db, services.clock, read).verify()
    assert found.broken is None, found.broken
    return found.entries


async def export(services: Services) -> int:
    taken = await services.audit_search.export(AuditFilter(), form="ndjson", actor=ACTOR, origin=ORIGIN)
    count = 0
    async for piece in lines(taken, ExportFormat.NDJSON):
        count += piece.count(b"\n")
    return count


async def searching(services: Services, entries: int) -> None:
    chosen = random.Random(11)
    now = services.clock.now()

    def somebody() -> str:
        return f"user-{chosen.randrange(min(SUBJECTS, entries))}"

    def address() -> str:
        return f"198.51.{chosen.randrange(80)}.{chosen.randrange(250)}"

    def of_a_day(actor: str | None = None) -> AuditFilter:
        since = now - timedelta(seconds=chosen.randrange(entries))
        return AuditFilter(actor=actor, since=since, until=since + timedelta(days=1))

    searches: dict[str, Callable[[], AuditFilter]] = {
        "all, newest first": AuditFilter,
        "a day": of_a_day,
        "about somebody": lambda: AuditFilter(subject=somebody()),
        "by somebody, of a day": lambda: of_a_day(somebody()),
        "of a common type": lambda: AuditFilter(type="session.created"),
        "of a rare type": lambda: AuditFilter(type="account.locked"),
        "of a rare type about somebody": lambda: AuditFilter(type="account.locked", subject=somebody()),
        "of a rare type from an address": lambda: AuditFilter(type="account.locked", ip=address()),
        "refused": lambda: AuditFilter(outcome=Outcome.REFUSED),
        "refused from an address": lambda: AuditFilter(outcome=Outcome.REFUSED, ip=address()),
        "from an address": lambda: AuditFilter(ip=address()),
        "of a type that never was": lambda: AuditFilter(type="nothing.happened"),
        "of one request": lambda: AuditFilter(trace_id="0" * 31 + f"{chosen.randrange(10)}"),
    }
    for words, make in searches.items():
        await report(services, words, make)


async def report(services: Services, words: str, make: Callable[[], AuditFilter]) -> None:
    """The newest page, and the one behind it."""
    times = []
    for _ in range(SEARCHES // 2):
        wanted, before = make(), None
        for _ in range(2):
            began = time.perf_counter()
            found = await services.audit_search.list(
                wanted, before=before, limit=PAGE, look_ahead=1, actor=ACTOR, origin=ORIGIN
            )
            times.append((time.perf_counter() - began) * 1000)
            if len(found) <= PAGE:
                break
            before = found[PAGE - 1].id
    cuts = statistics.quantiles(times, n=20)
    print(f"{words:<30} p50 {statistics.median(times):6.2f} ms   p95 {cuts[18]:6.2f} ms", flush=True)


if __name__ == "__main__":
    asyncio.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000))
