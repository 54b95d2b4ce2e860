"""Cases, rounds and ratios."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from bench.processes import LOAD_CORE, BenchError, Process, cpu_seconds, environment, python

CONNECTIONS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one round of one case showed. `beside_seconds` is the CPU of the database meanwhile."""

    requests: int
    seconds: float
    cpu_seconds: float
    beside_seconds: float = 0.0
    p50_ms: float | None = None
    p99_ms: float | None = None

    @property
    def cpu_us(self) -> float:
        """CPU of the process under test for each request, in microseconds."""
        return self.cpu_seconds / self.requests * 1e6

    @property
    def beside_us(self) -> float:
        return self.beside_seconds / self.requests * 1e6

    @property
    def rate(self) -> float:
        """Requests a second, by the wall clock."""
        return self.requests / self.seconds


class Case(Protocol):
    """One thing that is measured."""

    @property
    def name(self) -> str: ...

    def shoot(self, seconds: float) -> Round:
        """Do it for some seconds."""


@dataclass(frozen=True, slots=True)
class Spread:
    """A median between the least and the greatest of the rounds."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        return cls(statistics.median(values), min(values), max(values))


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A case beside its reference. `at_least` is the goal for the ratio; None where there is none."""

    case: str
    reference: str
    at_least: float | None = None


@dataclass(slots=True, kw_only=True)
class Group:
    """The rounds of cases that took turns, and what is compared in them."""

    title: str
    rounds: dict[str, list[Round]]
    comparisons: list[Comparison] = field(default_factory=list)
    note: str = ""

    def ratio(self, comparison: Comparison) -> Spread:
        """Requests for each CPU second, as a share of the reference's, round by round."""
        pairs = zip(self.rounds[comparison.case], self.rounds[comparison.reference], strict=True)
        return Spread.of([reference.cpu_us / case.cpu_us for case, reference in pairs])

    def as_json(self) -> dict[str, Any]:
        rounds = {name: [asdict(each) for each in taken] for name, taken in self.rounds.items()}
        compared = [asdict(each) | {"ratio": asdict(self.ratio(each))} for each in self.comparisons]
        return {"title": self.title, "comparisons": compared, "rounds": rounds}


class Load:
    """The process that sends requests, on the core that is not measured."""

    def __init__(self, folder: Path) -> None:
        command = python("-m", "bench.load")
        self._process = Process(command, core=LOAD_CORE, folder=folder, env=environment(), talks=True)

    def define(self, name: str, kind: str, **traffic: object) -> None:
        """Give a traffic its name; see `bench.load`."""
        self._process.ask(json.dumps({"name": name, "kind": kind, "traffic": traffic}))

    def fire(self, name: str, *, port: int, seconds: float, connections: int) -> dict[str, Any]:
        """One round. Raises BenchError when a single answer was a refusal: it would cost less than the real one."""
        order = {"name": name, "port": port, "seconds": seconds, "connections": connections}
        result: dict[str, Any] = json.loads(self._process.ask(json.dumps(order)))
        if result["refused"] or not result["requests"]:
            raise BenchError(f"{name}: {result['refused']} of {result['requests']} refused: {result['refusal']}")
        return result

    def stop(self) -> None:
        self._process.stop()


@dataclass(frozen=True, slots=True, kw_only=True)
class HTTPCase:
    """Requests to a server. `traffic` is a name that `load` knows; `beside` is a process whose CPU is shown too."""

    name: str
    load: Load
    traffic: str
    pid: int
    port: int
    beside: int | None = None
    connections: int = CONNECTIONS

    def shoot(self, seconds: float) -> Round:
        before, beside = cpu_seconds(self.pid), self._beside()
        result = self.load.fire(self.traffic, port=self.port, seconds=seconds, connections=self.connections)
        return Round(
            requests=result["requests"],
            seconds=result["seconds"],
            cpu_seconds=cpu_seconds(self.pid) - before,
            beside_seconds=self._beside() - beside,
            p50_ms=result["p50_ms"],
            p99_ms=result["p99_ms"],
        )

    def _beside(self) -> float:
        return 0.0 if self.beside is None else cpu_seconds(self.beside)


def take_turns(cases: Sequence[Case], *, rounds: int, seconds: float) -> dict[str, list[Round]]:
    """Warm every case up, then measure them in turn, forth and back."""
    for case in cases:
        case.shoot(min(1.0, seconds))
    taken: dict[str, list[Round]] = {case.name: [] for case in cases}
    for number in range(rounds):
        for case in cases if number % 2 == 0 else reversed(cases):
            taken[case.name].append(case.shoot(seconds))
    return taken


def get_request(path: str, token: str) -> str:
    """A GET with a bearer token, as bytes on the wire."""
    return f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: */*\r\nauthorization: Bearer {token}\r\n\r\n"


def post_head(path: str) -> str:
    """The head of a POST of JSON, up to its Content-Length."""
    return f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: */*\r\ncontent-type: application/json\r\n"


def post_request(path: str, body: object) -> str:
    """A POST of JSON, as bytes on the wire."""
    text = json.dumps(body)
    return f"{post_head(path)}content-length: {len(text)}\r\n\r\n{text}"
