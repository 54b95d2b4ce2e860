"""Sign-ins while expired rows by the million are purged: `python -m bench.purge [--rows N]`.

The same sign-ins are measured before the purge and while it runs, so that what counts is the ratio of the slowest.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

import asyncpg

from bench.measure import Load, post_request
from bench.processes import LOAD_CORE, SERVER_CORE, pin, python, running
from bench.service import Backend, backend, login_body, service

_USERS = 20
_CONNECTIONS = 4
_ROUND_SECONDS = 5.0
_ROUNDS = 3
_GOAL = 2.0
# A third of the rows each: what a large deployment has most of.
_FILL = (
    """
    INSERT INTO sessions (id, sid, user_id, auth_time, amr, acr, created_at, renewed_at, idle_expires_at, expires_at)
    SELECT {id}, 'bench' || n, gen_random_uuid(), {at}, '{{pwd}}', 'aal1', {at}, {at}, {at}, {at}
    FROM generate_series(1, $1) n
    """,
    """
    INSERT INTO grants (id, grant_id, session_id, user_id, client_id, audience, created_at, expires_at)
    SELECT {id}, 'bench' || n, gen_random_uuid(), gen_random_uuid(), 'first-party', 'self', {at}, {at}
    FROM generate_series(1, $1) n
    """,
    """
    INSERT INTO events (id, type, created_at, payload, status)
    SELECT {id}, 'session.created', {at}, '{{"sid": "bench"}}', 'done' FROM generate_series(1, $1) n
    """,
)
# UUIDv7 of half a year ago, one a millisecond.
_AT = "(now() - interval '180 days' + n * interval '1 millisecond')"
_ID = (
    "(lpad(to_hex((extract(epoch FROM now() - interval '180 days') * 1000)::bigint + n), 12, '0')"
    " || '7000' || '8' || substr(md5(n::text), 1, 15))::uuid"
)


def main() -> int:
    """Print the ratio; the exit status is 1 where it is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.purge", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="expired rows (1 000 000; the goal is said of 10)")
    rows = parser.parse_args().rows
    pin(LOAD_CORE)
    with tempfile.TemporaryDirectory(prefix="bench-") as name, backend(Path(name)) as engines:
        asyncio.run(_fill(engines, rows))
        load = Load(Path(name))
        try:
            return _measure(engines, load, rows)
        finally:
            load.stop()


async def _fill(engines: Backend, rows: int) -> None:
    connection = await asyncpg.connect(engines.dsn, command_timeout=3600)
    try:
        for statement in _FILL:
            await connection.execute(statement.format(id=_ID, at=_AT), rows // len(_FILL))
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()


def _measure(engines: Backend, load: Load, rows: int) -> int:
    with service(engines, core=SERVER_CORE) as auth:
        emails = [f"person{number}@example.com" for number in range(_USERS)]
        for email in emails:
            auth.sign_up(email)
        requests = [post_request("/auth/login", login_body(email, algorithm="ES256")) for email in emails]
        load.define("login", "rotation", requests=requests)

        def slowest(seconds: float) -> float:
            found = load.fire("login", port=auth.port, seconds=seconds, connections=_CONNECTIONS)
            return float(found["p99_ms"])

        slowest(2.0)
        alone = [slowest(_ROUND_SECONDS) for _ in range(_ROUNDS)]
        begun, beside = time.monotonic(), []
        command = python("-m", "app.cli", "purge", "--json")
        with running(command, core=LOAD_CORE, folder=engines.folder, env=engines.settings(auth.port)) as purge:
            while not purge.has_ended:
                beside.append(slowest(_ROUND_SECONDS))
            status, took = purge.wait(1), time.monotonic() - begun
    ratio = statistics.median(beside) / statistics.median(alone)
    told = {"rows": rows, "seconds": round(took, 1), "p99_alone_ms": alone, "p99_beside_ms": beside, "ratio": ratio}
    print(json.dumps(told))
    slow = f"{statistics.median(alone):.0f} ms alone, {statistics.median(beside):.0f} ms beside it"
    print(f"{rows:,} expired rows purged in {took:.0f} s; sign-in p99 {slow}: {ratio:.2f} times (at most {_GOAL:g})")
    return 0 if status == 0 and ratio <= _GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
