"""Sessions are ended, 200 a second: how soon three other services refuse their tokens, and whom they ask.

Everything goes over HTTP: signing out at the service, and every token at every service again and again until it is
refused there. A delay is from sending the request that ends the session until the first refusal has come: what the
service itself needs for it is in it, and up to `PROBE_EVERY` that lies between two probes.
"""

import asyncio
import contextlib
import os
import time
from dataclasses import dataclass

import uvloop

from app.factors.password.factor import PASSWORD_EVIDENCE
from app.login import store
from app.login.sign_in import Target
from app.protocols.assurance import assurance_of
from app.services import startup_origin
from app.settings import Settings
from app.users.email import find_key
from app.wiring import build
from bench.apps import AUDIENCE
from bench.costs import Costs, cache_processes, costs, unchained
from bench.followers import settings_of
from bench.machines import register_client
from bench.probing import (
    PROBE_EVERY,
    PROMISED_SECONDS,
    Ended,
    Service,
    Wire,
    accept_all,
    keep_asking,
    probe,
    probe_of,
    refuse_all,
)
from bench.processes import BenchError
from bench.report import plain_table, verdict
from bench.run import Run
from bench.service import Backend, application, free_port, service
from bench.service import Service as AuthService

RATE, SECONDS, QUICK_SECONDS, SERVICES = 200.0, 20.0, 4.0, 3
# Whose sessions end, each of them some: what is revoked is a session, not a person.
_PEOPLE = 50
_SIGN_INS_AT_ONCE, _SIGN_OUTS_AT_ONCE = 6, 32
_MOST_WAIT_SECONDS = 15.0
# The whole bench shares two cores with what it measures: the database is slow then, not gone.
_PATIENT = {"DATABASE__ANSWER_SECONDS": "10"}
# Ended before the clock runs: statements are planned and connections opened by then.
_WARM_UP = 40
# Tokens are probed out of step, so that a delay is not always a multiple of the pause between probes.
_PHASES = 10
_SIGN_OUT, _FEED = "POST /auth/logout", "GET /auth/revocations"
_SETTLE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How many sessions are ended a second, for how long, and how many services follow."""

    rate: float = RATE
    seconds: float = SECONDS
    services: int = SERVICES


def measure(run: Run) -> tuple[str, dict[str, object]]:
    """A table, and the same for programs."""
    return take(run.backend, Plan(seconds=QUICK_SECONDS if run.quick else SECONDS))


def take(base: Backend, plan: Plan) -> tuple[str, dict[str, object]]:
    """Start the service and three that follow it, and measure."""
    scrape = free_port()
    with contextlib.ExitStack() as stack:
        auth = stack.enter_context(service(base, core=None, env={"METRICS__PORT": str(scrape), **_PATIENT}))
        named = ("--name", "delay", "--audience", AUDIENCE, "--scope", "revocations:read")
        client_id, secret = register_client(auth, *named)
        env = {"AUTH_BASE_URL": auth.url, "AUTH_CLIENT_ID": client_id, "AUTH_CLIENT_SECRET": secret}
        started = [
            stack.enter_context(application("bench.apps:guarded_with_identity", core=None, folder=base.folder, env=env))
            for _ in range(plan.services)
        ]
        for number in range(_PEOPLE):
            auth.sign_up(_email(number))
        tokens = asyncio.run(_sign_in(auth, int(plan.rate * plan.seconds) + 1 + _WARM_UP))
        services = [Service(pid, port) for pid, port in started]
        try:
            found = uvloop.run(_measure(auth, services, plan, tokens, scrape))
        except* BenchError as failed:
            raise _first(failed) from None
    return _table(plan, found), found


def _first(failed: BaseExceptionGroup[BenchError]) -> BenchError:
    """What ended the tasks: the others were cancelled for it."""
    inner = failed.exceptions[0]
    return _first(inner) if isinstance(inner, BaseExceptionGroup) else inner


def _email(number: int) -> str:
    return f"delay{number}@example.com"


async def _sign_in(auth: AuthService, count: int) -> list[str]:
    """So many sessions, of one user after the other, each opened as a sign-in does once the password was right."""
    own = build(Settings(**(settings_of(auth.backend) | {"public_url": auth.url})))
    await own.db.open()
    try:
        people = []
        for number in range(_PEOPLE):
            row = await own.db.fetchrow(store.FIND_BY_EMAIL, find_key(_email(number)), 1000, repeatable=True)
            candidate = None if row is None else store.candidate_in(row)
            if candidate is None:
                raise BenchError("nobody signed up")
            people.append(candidate.user)
        target = Target(audience=await own.audiences.resolve(AUDIENCE), requested=None)
        turns = asyncio.Semaphore(_SIGN_INS_AT_ONCE)

        async def sign_in(number: int) -> str:
            user = people[number % _PEOPLE]
            async with turns:
                async with own.db.transaction() as tx:
                    evidence = assurance_of(PASSWORD_EVIDENCE)
                    grant = await own.sign_in.open(tx, user, evidence, target, startup_origin())
                if grant is None:
                    raise BenchError("no session was opened")
                return (await own.sign_in.sign(grant, user, target)).access_token

        return list(await asyncio.gather(*(sign_in(number) for number in range(count))))
    finally:
        await own.close()


async def _measure(
    auth: AuthService, services: list[Service], plan: Plan, tokens: list[str], scrape: int
) -> dict[str, object]:
    spent, tokens = tokens[:_WARM_UP], tokens[_WARM_UP:]
    kept, *ended = [Ended(probe_of(token)) for token in tokens]
    every = [each.request for each in ended]
    await accept_all(services, [kept.request, *every])
    await _sign_out(auth.port, plan, [(token, Ended(b"")) for token in spent], [])
    pids = {
        "the service": [auth.pid],
        "PostgreSQL": [auth.backend.postgres_pid],
        "Valkey": cache_processes(os.getpid()),
        "the services": [each.pid for each in services],
    }
    async with asyncio.timeout(_SETTLE_SECONDS):
        while await unchained(auth.backend):
            await asyncio.sleep(0.2)
    before = await costs(auth.backend, pids, scrape)
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(probe(each)) for each in services]
        running += [tasks.create_task(keep_asking(each, kept.request)) for each in services]
        took = await _sign_out(auth.port, plan, list(zip(tokens[1:], ended, strict=True)), services)
        await wait_for_refusals(services, len(ended))
        for task in running:
            task.cancel()
    spent_on_it = (await costs(auth.backend, pids, scrape)).since(before)
    await refuse_all(services, every)
    reached = {"rate": plan.rate, "rate_reached": len(ended) / took, "seconds": plan.seconds, "sessions": len(ended)}
    return (
        reached
        | _cost_of_one(spent_on_it, len(ended), took)
        | _found(services, len(ended))
        | _calls({name: int(count) for name, count in spent_on_it.requests.items()})
    )


def _cost_of_one(spent: Costs, count: int, took: float) -> dict[str, object]:
    """Per revocation: milliseconds of CPU of each kind of process, commits and batches."""
    return {
        "cores": {name: value / took for name, value in spent.cpu.items()},
        "cpu_ms_each": {name: value * 1000 / count for name, value in spent.cpu.items()},
        "commits_each": spent.commits / count,
        "batches_each": spent.batches / count,
    }


def _found(services: list[Service], count: int) -> dict[str, object]:
    """What all services together showed of so many tokens each."""
    return {
        "services": len(services),
        "probes": sum(each.probes for each in services),
        "delays_ms": _milliseconds([value for each in services for value in each.delays]),
        "since_told_ms": _milliseconds([value for each in services for value in each.since_told]),
        "by_service_ms": [_percentiles(_milliseconds(each.delays)) for each in services],
        "never_refused": len(services) * count - sum(len(each.delays) for each in services),
        "wrongly_accepted": sum(each.accepted_late + each.accepted_again for each in services),
        "wrongly_refused": sum(each.kept_refused for each in services),
        "kept_probes": sum(each.kept_probes for each in services),
    }


def _calls(counted: dict[str, int]) -> dict[str, object]:
    """Requests that reached the service: ours, those of the feed, and those that a probe must have caused."""
    ours = {"calls_to_end": counted.pop(_SIGN_OUT, 0), "calls_of_the_feed": counted.pop(_FEED, 0)}
    return ours | {"calls_for_requests": {name: count for name, count in counted.items() if count}}


async def _sign_out(port: int, plan: Plan, ended: list[tuple[str, Ended]], services: list[Service]) -> float:
    """End the sessions at the plan's rate, each by its own request, and have each probed from then on; how long."""
    idle: asyncio.Queue[Wire] = asyncio.Queue()
    wires = [await Wire.open(port) for _ in range(min(_SIGN_OUTS_AT_ONCE, len(ended)))]
    for wire in wires:
        idle.put_nowait(wire)

    async def end(wire: Wire, token: str, each: Ended, phase: float) -> None:
        each.asked_at = time.monotonic()
        for one in services:
            one.show(each, each.asked_at + phase * PROBE_EVERY)
        status = await wire.ask(_sign_out_request(token))
        each.told_at = time.monotonic()
        if status != 204:
            raise BenchError(f"a sign-out was answered {status}: {wire.body[:300]!r}")
        idle.put_nowait(wire)

    began_at = time.monotonic()
    async with asyncio.TaskGroup() as tasks:
        for number, (token, each) in enumerate(ended):
            await asyncio.sleep(max(0.0, began_at + number / plan.rate - time.monotonic()))
            tasks.create_task(end(await idle.get(), token, each, number % _PHASES / _PHASES))
    took = time.monotonic() - began_at
    for wire in wires:
        wire.close()
    return took


def _sign_out_request(token: str) -> bytes:
    head = f"POST /auth/logout HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {token}\r\n"
    return f"{head}content-length: 0\r\n\r\n".encode("latin-1")


async def wait_for_refusals(services: list[Service], count: int) -> None:
    """Until every service has refused every token, or for so long that the promise is broken many times over."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_MOST_WAIT_SECONDS):
            while any(len(each.delays) < count for each in services):
                await asyncio.sleep(PROBE_EVERY)


def _milliseconds(values: list[float]) -> list[float]:
    return sorted(round(value * 1000, 1) for value in values)


def _percentiles(values: list[float]) -> tuple[float, float, float]:
    """p50, p99 and the most of sorted values. Raises BenchError where there are none."""
    if not values:
        raise BenchError("no token was refused")
    return values[len(values) // 2], values[int(len(values) * 0.99)], values[-1]


def _table(plan: Plan, found: dict[str, object]) -> str:
    """The figures in Markdown."""
    delays, told = found["delays_ms"], found["since_told_ms"]
    assert isinstance(delays, list)
    assert isinstance(told, list)
    rows = [
        ("ending is asked for → refused", *_cells(_percentiles(delays))),
        ("ending is answered → refused", *_cells(_percentiles(told))),
    ]
    by_service = found["by_service_ms"]
    assert isinstance(by_service, list)
    rows += [(f"the first, at service {number}", *_cells(each)) for number, each in enumerate(by_service, 1)]
    p99 = _percentiles(delays)[1]
    note = (
        f"Goal: p99 below {PROMISED_SECONDS:g} s: {verdict(met=p99 < PROMISED_SECONDS * 1000)}. "
        f"{found['sessions']:,} sessions ended at {found['rate_reached']:.0f}/s (of {plan.rate:g}), each token probed "
        f"at each of {found['services']} services every {PROBE_EVERY * 1000:.0f} ms: {found['probes']:,} probes.\n"
        f"Accepted more than {PROMISED_SECONDS:g} s after the answer, or once it was refused: "
        f"{found['wrongly_accepted']} (goal 0); never refused: {found['never_refused']}; a live session's token "
        f"refused: {found['wrongly_refused']} of {found['kept_probes']:,}.\n"
        f"CPU per revocation: {_named(found['cpu_ms_each'])} ms; cores at work: {_named(found['cores'])}; "
        f"{found['commits_each']:.2f} commits and {found['batches_each']:.2f} signed batches for each.\n"
        f"Requests that reached the service meanwhile, beside {found['calls_to_end']:,} that ended a session and "
        f"{found['calls_of_the_feed']} of the feed: {_told(found['calls_for_requests'])} (goal 0)."
    )
    return plain_table("Revoked → refused elsewhere", ("", "p50 ms", "p99 ms", "most ms"), rows, note)


def _named(figures: object) -> str:
    assert isinstance(figures, dict)
    return ", ".join(f"{name} {value:.2f}" for name, value in figures.items())


def _told(calls: object) -> str:
    assert isinstance(calls, dict)
    return ", ".join(f"{count} of {name}" for name, count in calls.items()) or "0"


def _cells(values: tuple[float, float, float]) -> tuple[str, ...]:
    return tuple(f"{value:,.0f}" for value in values)
