"""Refreshing: what a rotation costs beyond one durable statement and one signature."""

import asyncio
import secrets

import asyncpg

from bench import floor
from bench.measure import CONNECTIONS, Comparison, Group, HTTPCase, get_request, post_head, take_turns
from bench.processes import SERVER_CORE
from bench.run import Run
from bench.service import Service, application, service

_FLOOR = "bare Starlette, one durable statement, ES256"


def measure(run: Run) -> list[Group]:
    """The figures of this group."""
    dsn = run.backend.dsn
    with (
        service(run.backend, core=SERVER_CORE) as auth,
        application("bench.floor:application", core=SERVER_CORE, folder=run.folder, env={"DSN": dsn}) as bare,
    ):
        tokens = asyncio.run(_seed(dsn))
        run.load.define(_FLOOR, "chain", head=post_head("/refresh"), tokens=tokens)
        cases = [_case(run, _FLOOR, *bare)]
        for algorithm in ("ES256", "RS256"):
            name = f"refresh, {algorithm}"
            run.load.define(name, "chain", head=post_head("/auth/refresh"), tokens=_sessions(auth, algorithm))
            cases.append(_case(run, name, auth.pid, auth.port))
        token = auth.log_in("patient@example.com", algorithm="ES256")["access_token"]
        for path in ("/auth/validate", "/.well-known/jwks.json"):
            run.load.define(path, "rotation", requests=[get_request(path, token)])
            cases.append(_case(run, path, auth.pid, auth.port))
        rounds = take_turns(cases, rounds=run.rounds, seconds=run.seconds)
    # 1.6 times the CPU of the floor.
    goal = Comparison(case="refresh, ES256", reference=_FLOOR, at_least=1 / 1.6)
    return [
        Group(
            title="Refresh with rotation, and two more of the hot endpoints",
            rounds=rounds,
            comparisons=[goal, Comparison(case="refresh, RS256", reference=_FLOOR)],
        )
    ]


def _case(run: Run, name: str, pid: int, port: int) -> HTTPCase:
    return HTTPCase(name=name, load=run.load, traffic=name, pid=pid, port=port, beside=run.backend.postgres_pid)


def _sessions(auth: Service, algorithm: str) -> list[str]:
    """One refresh token for each connection, each of a session of its own."""
    if algorithm == "ES256":
        auth.sign_up("patient@example.com")
    return [auth.log_in("patient@example.com", algorithm=algorithm)["refresh_token"] for _ in range(CONNECTIONS)]


async def _seed(dsn: str) -> list[str]:
    tokens = [secrets.token_urlsafe(32) for _ in range(CONNECTIONS)]
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(floor.TABLE)
        await connection.executemany(floor.SEED, [(floor.token_hash(token),) for token in tokens])
    finally:
        await connection.close()
    return tokens
