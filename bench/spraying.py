"""How many of many sign-ins with one password at as many accounts are let through, from one network and from all over.

Every try is a request to a service with production's limits; where it comes from is what a proxy would say.
"""

import asyncio
from collections import Counter
from collections.abc import Callable

import httpx2

from bench.processes import SERVER_CORE
from bench.report import plain_table
from bench.run import Run
from bench.service import Service, service

_TRIES, _QUICK_TRIES = 10_000, 200
_AT_ONCE = 16
_SCENES: dict[str, Callable[[int], str]] = {
    "one IPv4 address": lambda number: "192.0.2.7",
    "one IPv4 /24": lambda number: f"192.0.2.{number % 256}",
    "one IPv6 /48": lambda number: f"2001:db8:1:{number % 65_000:x}::1",
    "addresses all over": lambda number: f"{20 + number // 65_536}.{number // 256 % 256}.{number % 256}.9",
}
# What production has: the bench's own settings are wide, because its load comes from one address.
_PRODUCTION = {
    "TRUSTED_PROXIES": "127.0.0.1/32",
    "LIMITS__LOGIN_PER_ACCOUNT": "5",
    "LIMITS__LOGIN_PER_ADDRESS": "30",
    "LIMITS__LOGIN_FAILURES": "100",
    "LIMITS__SPRAYING_ACCOUNTS": "500",
    "LIMITS__SPRAYING_ACCOUNTS_PER_NETWORK": "20",
}


def measure(run: Run) -> tuple[str, dict[str, object]]:
    """A table, and the same for programs."""
    tries = _QUICK_TRIES if run.quick else _TRIES
    rows: list[tuple[str, ...]] = []
    found: dict[str, object] = {}
    for scene in _SCENES:
        run.backend.forget_limits()
        with service(run.backend, core=SERVER_CORE, env=_PRODUCTION) as auth:
            answers, seconds = asyncio.run(_spray(auth, scene, tries))
        passed = answers[401]
        rest = ", ".join(f"{count} x {status}" for status, count in sorted(answers.items()) if status != 401)
        rows.append((scene, f"{tries}", f"{passed}", f"{passed / tries:.1%}", rest or "-", f"{seconds:.0f} s"))
        found[scene] = {"tries": tries, "tried": passed, "answers": dict(answers), "seconds": seconds}
    run.backend.forget_limits()
    head = ("one password from", "sign-ins", "password looked at", "share", "refused unseen", "took")
    note = (
        "A password that was looked at is answered 401, one that was not is answered 429, or 503 where the queue of "
        "passwords waiting to be hashed is full."
    )
    return plain_table("Spraying", head, rows, note), found


async def _spray(auth: Service, scene: str, tries: int) -> tuple[Counter[int], float]:
    answers: Counter[int] = Counter()
    numbers = iter(range(tries))
    loop = asyncio.get_running_loop()
    async with httpx2.AsyncClient(base_url=auth.url, timeout=30, trust_env=False) as client:

        async def some() -> None:
            for number in numbers:
                body = {"email": f"person{number:05}@example.com", "password": "Summer-2026-Summer"}
                headers = {"X-Forwarded-For": _SCENES[scene](number)}
                answers[(await client.post("/auth/login", json=body, headers=headers)).status_code] += 1

        started = loop.time()
        async with asyncio.TaskGroup() as group:
            for _ in range(_AT_ONCE):
                group.create_task(some())
        return answers, loop.time() - started
