"""A crowd: 200 requests at once on connection pools of five, and whether the process stays alive meanwhile."""

import asyncio
import statistics
from collections import Counter
from dataclasses import dataclass
from functools import partial

import uvloop

from bench.load import Burst, Chain, Connection, Rotation, Traffic
from bench.measure import get_request, post_head, post_request
from bench.processes import SERVER_CORE
from bench.report import plain_table
from bench.run import Run
from bench.service import Service, login_body, service

CROWD, POOL = 200, 5
_EMAIL = "crowd@example.com"
_PATIENCE_SECONDS = 60
_LIVE_EVERY_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class Stampede:
    """What came of a crowd. `live_ms` is what /health/live took, asked on a connection of its own all the while."""

    statuses: Counter[str]
    median_ms: float
    slowest_ms: float
    live_ms: list[float]


def measure(run: Run) -> tuple[str, dict[str, object]]:
    """A table, and the same for programs."""
    rows: list[tuple[str, ...]] = []
    found: dict[str, object] = {}
    with service(run.backend, core=SERVER_CORE, env={"DATABASE__POOL_SIZE": str(POOL)}) as auth:
        for name, traffic in _traffics(auth).items():
            # The first crowd also opens the connections.
            uvloop.run(_stampede(traffic, auth.port))
            seen = uvloop.run(_stampede(traffic, auth.port))
            found[name] = {"statuses": dict(seen.statuses), "slowest_ms": seen.slowest_ms, "live_ms": seen.live_ms}
            rows.append((name, *_cells(seen)))
    head = ("request", "200", "503", "other", "median ms", "slowest ms", "`/health/live` slowest ms")
    note = "A 503 comes with Retry-After: passwords beyond those that may wait for a thread are turned away."
    return plain_table(f"{CROWD} requests at once, {POOL} connections to Postgres", head, rows, note), found


def _cells(seen: Stampede) -> tuple[str, ...]:
    known = [seen.statuses[status] for status in ("200", "503")]
    shares = [f"{count / CROWD:.0%}" for count in (*known, CROWD - sum(known))]
    return (*shares, f"{seen.median_ms:,.0f}", f"{seen.slowest_ms:,.0f}", f"{max(seen.live_ms):,.0f}")


def _traffics(auth: Service) -> dict[str, Traffic]:
    auth.sign_up(_EMAIL)
    tokens = [auth.log_in(_EMAIL, algorithm="ES256") for _ in range(CROWD)]
    return {
        "`POST /auth/refresh`, each its own session": Chain(
            post_head("/auth/refresh"), [token["refresh_token"] for token in tokens]
        ),
        "`GET /auth/validate`": Rotation([get_request("/auth/validate", tokens[0]["access_token"])]),
        "`POST /auth/login`": Rotation([post_request("/auth/login", login_body(_EMAIL, algorithm="ES256"))]),
    }


async def _stampede(traffic: Traffic, port: int) -> Stampede:
    """Open every connection, then send one request on each at once."""
    loop = asyncio.get_running_loop()
    burst = Burst(traffic, _PATIENCE_SECONDS, each=1)
    made = [
        (await loop.create_connection(partial(Connection, burst, slot), "127.0.0.1", port))[1] for slot in range(CROWD)
    ]
    async with asyncio.timeout(_PATIENCE_SECONDS):
        for connection in made:
            connection.send()
        answered = asyncio.gather(*(connection.done for connection in made))
        live = await _ask_whether_alive(port, answered)
        await answered
    milliseconds = [seconds * 1000 for seconds in burst.latencies]
    return Stampede(burst.statuses, statistics.median(milliseconds), max(milliseconds), live)


async def _ask_whether_alive(port: int, crowd: "asyncio.Future[list[None]]") -> list[float]:
    """Ask again and again until the crowd has its answers; how long each took, in milliseconds."""
    request = Rotation(["GET /health/live HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"])
    loop, taken = asyncio.get_running_loop(), list[float]()
    while not taken or not crowd.done():
        burst = Burst(request, _PATIENCE_SECONDS, each=1)
        _, connection = await loop.create_connection(partial(Connection, burst, 0), "127.0.0.1", port)
        connection.send()
        await connection.done
        taken += [seconds * 1000 for seconds in burst.latencies]
        await asyncio.wait([crowd], timeout=_LIVE_EVERY_SECONDS)
    return taken
