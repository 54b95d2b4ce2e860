"""The filter of revocations at ten million entries: memory, false positives, and what it spares PostgreSQL.

    python -m bench.revocation_filter [--entries N] [--lookups N]

CPU is that of this process, by its own account. Both ways of looking a token up run in turns, in one run.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

from app.foundation.cache import Cache
from app.foundation.engines.instance import Instance
from app.migrations.run import migrate
from app.protocols.jose.claims import TokenClaims
from app.revocation.bloom import BITS_PER_ENTRY, bits_for, expected_rate, pack
from app.revocation.filter import HEADER_BYTES, RevocationFilter
from app.settings import Settings
from app.wiring import build

ENTRIES, LOOKUPS, ASKED, PAGE = 10_000_000, 20_000, 1_000_000, 1_000
CONCURRENT, ROUNDS = 32, 5
_PATIENCE_SECONDS = 60.0


async def filled(stored: RevocationFilter, epoch: UUID, entries: int) -> list[float]:
    """Build a filter of so many entries; the seconds that each script kept Valkey busy, with the trip."""
    waits: list[float] = []
    await stored.begin(epoch, "bench", bits_for(entries))
    for start in range(0, entries, PAGE):
        names = pack(("sid", f"revoked-{number}") for number in range(start, min(start + PAGE, entries)))
        began_at = time.perf_counter()
        if not await stored.build(epoch, "bench", names):
            raise SystemExit("the filter was lost while it was built")
        waits.append(time.perf_counter() - began_at)
        if start % (PAGE * 1000) == 0:
            print(f"  {start:,} entries", flush=True)
    await stored.finish(epoch, "bench", b"", seq=entries)
    return waits


async def false_positives(stored: RevocationFilter, epoch: UUID, asked: int) -> float:
    """The share of names that are not in it and are found."""
    found = 0
    for start in range(0, asked, PAGE):
        names = pack(("sid", f"live-{number}") for number in range(start, start + PAGE))
        answer = await stored.ask(epoch, names, seconds=_PATIENCE_SECONDS)
        found += answer.maybe.count(b"1") if answer is not None else 0
    return found / asked


async def size(entries: int, redis_url: str) -> None:
    """Print what a filter of so many entries takes, and how often it is wrong."""
    stored, epoch = RevocationFilter(cache := Cache(redis_url, answer_seconds=_PATIENCE_SECONDS)), uuid4()
    began_at = time.perf_counter()
    waits = await filled(stored, epoch, entries)
    took, bits = time.perf_counter() - began_at, bits_for(entries)
    rate = await false_positives(stored, epoch, ASKED)
    print(
        f"{entries:,} entries in {bits:,} bits: {await stored.size_bytes(epoch) / 1e6:.1f} MB in Valkey "
        f"({(HEADER_BYTES + bits / 8) / 1e6:.1f} MB of it bits), {rate:.6%} of {ASKED:,} strangers found "
        f"({expected_rate(entries, bits):.6%} expected; {expected_rate(bits // BITS_PER_ENTRY, bits):.4%} when full); "
        f"built in {took:.0f} s, a script of {PAGE} took {statistics.median(waits) * 1000:.1f} ms"
    )
    await cache.close()


async def compare(lookups: int, settings: Settings) -> None:
    """Print CPU and time of one look-up by each way, many requests at once."""
    services = build(settings)
    await services.open()
    work = [asyncio.create_task(run()) for run in (services.feed.run, services.filter_keeper.run)]
    claims = {"sid": "s" * 22, "grant_id": "g" * 22, "client_id": "first-party", "jti": "j" * 22, "sub": "u_live"}
    token = TokenClaims(
        sub="u_live", audiences=("orders-api",), issued_at=int(time.time()), expires_at=0, members=claims
    )
    clear = 0

    async def by_filter() -> None:
        nonlocal clear
        clear += await services.lookup.is_clear(token)

    async def by_database() -> None:
        await services.inspection.find_live(token)

    while not await services.lookup.is_clear(token):
        await asyncio.sleep(0.05)
    cpu: dict[str, list[float]] = {"PostgreSQL": [], "filter": []}
    for _ in range(ROUNDS):
        cpu["PostgreSQL"].append(await _timed(by_database, lookups // ROUNDS))
        cpu["filter"].append(await _timed(by_filter, lookups // ROUNDS))
    by = {name: statistics.median(found) for name, found in cpu.items()}
    print(
        f"a look-up, {CONCURRENT} at once: {by['PostgreSQL'] * 1e6:.0f} µs of this process by one statement, "
        f"{by['filter'] * 1e6:.0f} µs by the filter ({by['PostgreSQL'] / by['filter']:.1f} times less); "
        f"{clear / (lookups // ROUNDS // CONCURRENT * CONCURRENT * ROUNDS):.1%} answered by it within its 20 ms"
    )
    for task in work:
        task.cancel()
    await asyncio.gather(*work, return_exceptions=True)
    await services.close()


async def _timed(look_up: Callable[[], Awaitable[None]], times: int) -> float:
    each = times // CONCURRENT

    async def run() -> None:
        for _ in range(each):
            await look_up()

    began_at = time.process_time()
    await asyncio.gather(*(run() for _ in range(CONCURRENT)))
    return (time.process_time() - began_at) / (each * CONCURRENT)


def main() -> None:
    """Start engines of its own, and print both."""
    parser = argparse.ArgumentParser(prog="python -m bench.revocation_filter", description=__doc__)
    parser.add_argument("--entries", type=int, default=ENTRIES)
    parser.add_argument("--lookups", type=int, default=LOOKUPS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="filter-") as folder, Instance(Path(folder), durable=False) as instance:
        engines = instance.start()
        settings = Settings(
            environment="development",
            public_url="http://127.0.0.1",
            database={"url": engines.database_url},
            redis={"url": engines.redis_url},
            encryption={"keys": "A" * 43 + "="},
        )
        asyncio.run(migrate(engines.database_url, datetime.now(UTC)))
        asyncio.run(compare(options.lookups, settings))
        asyncio.run(size(options.entries, engines.redis_url))


if __name__ == "__main__":
    main()
