"""`python -m bench.users [USERS]`: importing so many users, then searching and listing them, on an engine of its own.

Prints rows a second and the greatest memory of the importing process, and the 50th and 95th percentile of each search,
with a page of 50: of the statement, and of some as an administrator's page over HTTP without the network. The lines
are made as they are read, so that no file of a gigabyte is needed.
"""

import asyncio
import random
import resource
import statistics
import sys
import time
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import httpx2
from sqlalchemy import text

from app.audit.event import Actor, ActorKind
from app.foundation.origin import Origin
from app.main import create_app
from app.transfer.imports import By
from app.transfer.lines import split
from app.transfer.progress import Progress
from app.users.search import Order, UserQuery
from app.users.user import UserStatus
from app.wiring import Services
from bench.in_process import services_of_their_own

BROKEN_EVERY = 100
CHUNK_LINES = 2000
SEARCHES = 300
PAGE = 51
NAMES = ("Ann", "Béla", "Chloë", "Dmitri", "Emeka", "Fatima", "Grzegorz", "Haruki", "Ines", "Jürgen")
HASH = "$pbkdf2-sha256$i=27500,l=64$AAECAwQFBgcICQoLDA0ODw$" + "A" * 86
ACTOR = Actor(ActorKind.OPERATOR, "bench")
ORIGIN = Origin(ip=None, user_agent=None, trace_id="0" * 32)
CREDENTIALS = {"email": "root@example.org", "password": "correct horse battery staple"}


async def stream(users: int) -> AsyncIterator[bytes]:
    chosen = random.Random(7)
    for start in range(0, users, CHUNK_LINES):
        yield b"".join(line(n, chosen) for n in range(start, min(start + CHUNK_LINES, users)))


def line(n: int, chosen: random.Random) -> bytes:
    if n % BROKEN_EVERY == BROKEN_EVERY - 1:
        return b'{"email": "broken\n'
    name, word = chosen.choice(NAMES), f"{chosen.randrange(10**6):06}"
    status = "suspended" if n % 1000 == 0 else "active"
    return (
        f'{{"sub": "legacy-{n}", "email": "{name.lower()}.{word}.{n}@example.com", "email_verified": true, '
        f'"name": "{name} {word}", "status": "{status}", "attributes": {{"tier": "gold"}}, '
        f'"password_hash": "{HASH}"}}\n'
    ).encode()


async def measure(users: int) -> None:
    async with services_of_their_own("users") as services:
        await importing(services, users)
        async with services.db.transaction() as tx:
            await tx.execute(text("ANALYZE users"))
        await searching(services)
        await paging(services)


async def importing(services: Services, users: int) -> None:
    by = By(actor=ACTOR, origin=ORIGIN, unbound=True)
    peaks: list[float] = []

    def note(progress: Progress) -> None:
        # Kilobytes on Linux.
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)

    began = time.perf_counter()
    done = await services.user_imports.run(split(stream(users)), by=by, observe=note)
    seconds = time.perf_counter() - began
    print(f"import: {done.position} lines, {done.imported} users, {done.failed} refused, in {seconds:.1f} s")
    print(f"        {done.position / seconds:.0f} lines/s; memory of the process at its greatest:")
    tenth = max(1, len(peaks) // 10)
    print(f"        {peaks[tenth - 1]:.0f} MB after a tenth, {peaks[-1]:.0f} MB at the end", flush=True)


async def searching(services: Services) -> None:
    chosen = random.Random(11)
    now = services.clock.now()
    searches = {
        "list, oldest first": UserQuery,
        "list, newest first": lambda: UserQuery(order=Order.NEWEST),
        "list by address": lambda: UserQuery(order=Order.EMAIL),
        "address begins with 1 letter": lambda: UserQuery(email=chosen.choice(NAMES)[0]),
        "address begins with name.12": lambda: UserQuery(email=f"{chosen.choice(NAMES)}.{chosen.randrange(100):02}"),
        "name begins with 3 letters": lambda: UserQuery(name=chosen.choice(NAMES)[:3]),
        "name and suspended": lambda: UserQuery(name=chosen.choice(NAMES), status=UserStatus.SUSPENDED),
        "suspended, newest first": lambda: UserQuery(status=UserStatus.SUSPENDED, order=Order.NEWEST),
        "address and suspended": lambda: UserQuery(email=chosen.choice(NAMES), status=UserStatus.SUSPENDED),
        "created before": lambda: UserQuery(created_before=now - timedelta(seconds=chosen.randrange(1, 30))),
        "sub": lambda: UserQuery(sub=f"legacy-{chosen.randrange(10_000)}"),
        "nobody": lambda: UserQuery(email="zzz"),
    }
    for words, make in searches.items():
        await report(services, words, make)


async def report(services: Services, words: str, make: Callable[[], UserQuery]) -> None:
    """The first page, and the one behind it."""
    times = []
    for _ in range(SEARCHES // 2):
        query, after = make(), None
        for _ in range(2):
            began = time.perf_counter()
            async with services.db.transaction() as tx:
                found = await services.users.search(tx, query, after=after, limit=PAGE)
            times.append((time.perf_counter() - began) * 1000)
            if not found:
                break
            after = query.position_of(found[-1])
    tell(words, times)


async def paging(services: Services) -> None:
    """Lists and searches as an administrator asks for them: authenticated, with cursors, answered as JSON."""
    chosen = random.Random(13)
    await services.administrators.create(**CREDENTIALS, actor=ACTOR, origin=ORIGIN)
    pages: dict[str, Callable[[], dict[str, str]]] = {
        "GET /admin/users": dict,
        "GET …?email=": lambda: {"email": f"{chosen.choice(NAMES)}.{chosen.randrange(100):02}".lower()},
        "GET …?name=&status=": lambda: {"name": chosen.choice(NAMES), "status": "suspended"},
    }
    transport = httpx2.ASGITransport(create_app(services=services))
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost:8000") as client:
        signed_in = (await client.post("/auth/login", json=CREDENTIALS)).raise_for_status().json()
        client.headers["Authorization"] = f"Bearer {signed_in['access_token']}"
        for words, make in pages.items():
            times = []
            for _ in range(SEARCHES // 2):
                parameters = make() | {"limit": str(PAGE - 1)}
                for _ in range(2):
                    began = time.perf_counter()
                    answer = (await client.get("/admin/users", params=parameters)).raise_for_status()
                    times.append((time.perf_counter() - began) * 1000)
                    if (following := answer.json()["next"]) is None:
                        break
                    parameters["after"] = following
            tell(words, times)


def tell(words: str, times: list[float]) -> None:
    cuts = statistics.quantiles(times, n=20)
    print(f"{words:<30} p50 {statistics.median(times):6.2f} ms   p95 {cuts[18]:6.2f} ms", flush=True)


if __name__ == "__main__":
    asyncio.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000))
