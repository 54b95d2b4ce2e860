"""How many connections a process wants: refreshing, one durable statement each, with pools of several sizes in turn."""

import contextlib
import statistics

from bench.measure import HTTPCase, post_head, take_turns
from bench.processes import SERVER_CORE
from bench.report import plain_table
from bench.run import Run
from bench.service import service

_SIZES, _DEFAULT = (1, 2, 4, 10, 20), 10
_CONNECTIONS = 64
_EMAIL = "pooled@example.com"


def measure(run: Run) -> tuple[str, dict[str, object]]:
    """A table, and the same for programs."""
    with contextlib.ExitStack() as stack:
        cases = [_case(stack, run, size) for size in _SIZES]
        rounds = take_turns(cases, rounds=run.rounds, seconds=run.seconds)
    rates = {size: statistics.median(each.rate for each in rounds[_name(size)]) for size in _SIZES}
    slowest = {size: statistics.median(each.p99_ms or 0.0 for each in rounds[_name(size)]) for size in _SIZES}
    rows = [
        (str(size), f"{rates[size]:,.0f}", f"{rates[size] / rates[_DEFAULT]:.2f}", f"{slowest[size]:.0f}")
        for size in _SIZES
    ]
    head = ("`DATABASE__POOL_SIZE`", "refreshes a second", f"share of those by {_DEFAULT}", "p99 ms")
    found: dict[str, object] = {_name(size): {"rate": rates[size], "p99_ms": slowest[size]} for size in _SIZES}
    return plain_table(f"Pools, {_CONNECTIONS} clients", head, rows), found


def _name(size: int) -> str:
    return f"pool of {size}"


def _case(stack: contextlib.ExitStack, run: Run, size: int) -> HTTPCase:
    # Patient, for a busy machine: a refusal would cost less than an answer.
    env = {"DATABASE__POOL_SIZE": str(size), "DATABASE__ANSWER_SECONDS": "10"}
    auth = stack.enter_context(service(run.backend, core=SERVER_CORE, env=env))
    if size == _SIZES[0]:
        auth.sign_up(_EMAIL)
    tokens = [auth.log_in(_EMAIL, algorithm="ES256")["refresh_token"] for _ in range(_CONNECTIONS)]
    run.load.define(_name(size), "chain", head=post_head("/auth/refresh"), tokens=tokens)
    return HTTPCase(
        name=_name(size),
        load=run.load,
        traffic=_name(size),
        pid=auth.pid,
        port=auth.port,
        beside=run.backend.postgres_pid,
        connections=_CONNECTIONS,
    )
