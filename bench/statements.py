"""What Postgres and Valkey are asked: round trips of one request, and the statements of its largest transaction."""

import re
import statistics
import time
from collections import defaultdict
from collections.abc import Callable

import redis

from bench.processes import SERVER_CORE
from bench.report import plain_table, verdict
from bench.run import Run
from bench.service import Backend, service

_SAMPLES = 15
_LOGGED = re.compile(r"(?m)^\S+ \S+ \S+ \[(\d+)\] LOG:  (?:statement|execute [^:]*): *(.*)$")
_BOUNDS = re.compile(r"(BEGIN|COMMIT|ROLLBACK)\b")
_EMAIL = "counted@example.com"


def measure(run: Run) -> tuple[str, dict[str, object]]:
    """A table, and the same for programs."""
    rows: list[tuple[str, ...]] = []
    found: dict[str, object] = {}
    with _logging(run.backend), service(run.backend, core=SERVER_CORE) as auth:
        auth.sign_up(_EMAIL)
        tokens = auth.log_in(_EMAIL, algorithm="ES256")

        def refresh() -> None:
            tokens.update(auth.post("/auth/refresh", {"refresh_token": tokens["refresh_token"]}))

        acts: tuple[tuple[str, Callable[[], object], int, int], ...] = (
            ("login", lambda: auth.log_in(_EMAIL, algorithm="ES256"), 3, 1),
            ("refresh", refresh, 1, 0),
            ("validate", lambda: auth.get("/auth/validate", tokens["access_token"]), 1, 1),
            ("JWKS", lambda: auth.get("/.well-known/jwks.json", tokens["access_token"]), 0, 0),
        )
        for name, act, goal, cache_goal in acts:
            trips, largest, text = _count(run.backend, act)
            asked = _cache_trips(run.backend, act)
            found[name] = {
                "round_trips": trips,
                "largest_transaction": largest,
                "cache_trips": asked,
                "statements": text,
            }
            met = largest <= goal and asked <= cache_goal
            rows.append((name, str(trips), str(largest), f"≤ {goal}", str(asked), f"≤ {cache_goal}", verdict(met=met)))
    head = ("request", "round trips", "statements in its largest transaction", "goal", "Valkey trips", "goal", "")
    note = "Round trips count everything that is sent: BEGIN, COMMIT and what a pool sends of its own accord, too."
    return plain_table("Statements", head, rows, note), found


class _logging:  # noqa: N801 — reads as a statement
    """Postgres writes every statement to its log for the time of a block."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def __enter__(self) -> None:
        self._backend.as_superuser("ALTER SYSTEM SET log_statement = 'all'; SELECT pg_reload_conf()")

    def __exit__(self, *_: object) -> None:
        self._backend.as_superuser("ALTER SYSTEM RESET log_statement; SELECT pg_reload_conf()")


def _count(backend: Backend, act: Callable[[], object]) -> tuple[int, int, list[str]]:
    """The median of many: what the process does in the background falls into few of them."""
    samples = []
    for _ in range(_SAMPLES):
        before = backend.postgres_log.stat().st_size
        act()
        # What is sent after the answer counts too.
        time.sleep(0.02)
        with backend.postgres_log.open() as log:
            log.seek(before)
            samples.append(_LOGGED.findall(log.read()))
    trips = int(statistics.median_low([len(sample) for sample in samples]))
    typical = next(sample for sample in samples if len(sample) == trips)
    return trips, _largest_transaction(typical), [text for _, text in typical]


def _cache_trips(backend: Backend, act: Callable[[], object]) -> int:
    """How often Valkey had something to read: what was sent together counts once. The median of many."""
    samples = []
    with redis.Redis.from_url(backend.engines.redis_url) as client:
        for _ in range(_SAMPLES):
            before = _reads(client)
            act()
            # The second look is a read itself.
            samples.append(_reads(client) - before - 1)
    return int(statistics.median_low(samples))


def _reads(client: redis.Redis) -> int:
    found: dict[str, int] = client.info("stats")
    return found["total_reads_processed"]


def _largest_transaction(sample: list[tuple[str, str]]) -> int:
    """A statement outside BEGIN and COMMIT is a transaction by itself; what resets a connection is none."""
    largest, opened = 0, defaultdict[str, int | None](lambda: None)
    for pid, text in sample:
        bound = _BOUNDS.match(text)
        inside = opened[pid]
        if bound is not None:
            opened[pid] = 0 if bound[1] == "BEGIN" else None
        elif inside is not None:
            opened[pid] = inside + 1
            largest = max(largest, inside + 1)
        elif "pg_advisory_unlock_all" not in text:
            largest = max(largest, 1)
    return largest
