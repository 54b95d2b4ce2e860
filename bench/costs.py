"""What a stretch of a run cost: the CPU of every kind of process, the database's commits, what the service counted."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import httpx2

from bench.processes import cpu_seconds, tree
from bench.service import Backend

_SAMPLE = re.compile(r"(?m)^auth_service_(\w+?)(?:_total)?(?:\{([^}]*)\})? (\S+)$")
_LABEL = re.compile(r'(\w+)="([^"]*)"')
_REQUESTS, _BATCHES = "request_seconds_count", "revocation_batches"
# What all that ran until now has in common; each connection tells it within a second.
_COMMITS = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"
_UNCHAINED = "SELECT count(*) FROM audit_entries WHERE number IS NULL"


@dataclass(frozen=True, slots=True)
class Costs:
    """Running totals. `requests` are those that the service answered, by method and route."""

    cpu: Mapping[str, float]
    commits: int
    batches: float
    requests: Mapping[str, float]

    def since(self, before: "Costs") -> "Costs":
        """What came to it from `before` on."""
        return Costs(
            cpu={name: value - before.cpu[name] for name, value in self.cpu.items()},
            commits=self.commits - before.commits,
            batches=self.batches - before.batches,
            requests={name: value - before.requests.get(name, 0.0) for name, value in self.requests.items()},
        )


async def costs(backend: Backend, pids: Mapping[str, list[int]], scrape: int) -> Costs:
    """What it came to until now, this process as the load; `scrape` is the port of the service's metrics."""
    async with httpx2.AsyncClient(timeout=10, trust_env=False) as client:
        text = (await client.get(f"http://127.0.0.1:{scrape}/metrics")).text
    requests: dict[str, float] = {}
    batches = 0.0
    for name, labels, value in _SAMPLE.findall(text):
        if name == _REQUESTS:
            named = dict(_LABEL.findall(labels))
            route = f"{named['method']} {named['route']}"
            requests[route] = requests.get(route, 0.0) + float(value)
        elif name == _BATCHES:
            batches += float(value)
    cpu = {name: sum(map(cpu_seconds, each)) for name, each in pids.items()} | {"the load": time.process_time()}
    return Costs(cpu=cpu, commits=await _ask(backend, _COMMITS), batches=batches, requests=requests)


async def unchained(backend: Backend) -> int:
    """How many audit entries wait to be chained, which is the service's work and none of what is measured next."""
    return await _ask(backend, _UNCHAINED)


def cache_processes(parent: int) -> list[int]:
    """The cache's processes among the descendants of `parent`."""
    return [pid for pid in tree(parent) if "valkey" in _name(pid) or "redis" in _name(pid)]


async def _ask(backend: Backend, statement: str) -> int:
    connection = await asyncpg.connect(backend.dsn)
    try:
        return int(await connection.fetchval(statement))
    finally:
        await connection.close()


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text()
    except OSError:
        return ""
