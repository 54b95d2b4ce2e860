"""Whether this process lives, and whether it can serve."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.foundation.draining import Drain
from app.foundation.errors import Unavailable
from app.foundation.metrics import FROM_CODE, Gauge
from app.foundation.provide import provided
from app.foundation.routing import Router

LOOK_SECONDS = 1.0
# Callers within this time share one look, so that asking costs the engines nothing.
SHARED_SECONDS = 0.5
# An engine that is away for a moment is no reason to take a process out: requests wait or fail with 503 meanwhile.
GRACE_SECONDS = 5.0

_READY = Gauge("ready", "1 while every process can serve.", unit="truth", across="min")
_FINE = Gauge(
    "check_fine", "1 while what `/health/ready` looks at is well.", unit="truth", across="min", check=FROM_CODE
)

router = Router(tags=["health"])


class NotReady(Unavailable):
    """This process cannot serve at present."""

    code, title = "not_ready", "This process cannot serve at present"


@dataclass(frozen=True, slots=True)
class Check:
    """Something that is looked at. `look` returns None when all is well, else what is wrong, without internals.

    It may raise Unavailable or take too long, which says that nobody answered. Without an `essential` thing the
    process cannot serve; without another it is degraded.
    """

    name: str
    look: Callable[[], Awaitable[str | None]]
    essential: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """What one look found: a fault or None, whether anyone answered, and how long it took."""

    fault: str | None
    answered: bool
    latency_ms: float


@dataclass(frozen=True, slots=True)
class Report:
    """What all looks found together. `failing` is why the process cannot serve, `degraded` what it does without."""

    failing: tuple[str, ...]
    degraded: tuple[str, ...]
    checks: Mapping[str, Mapping[str, object]] = field(default_factory=dict)


class Health:
    """Looks at everything at once. `monotonic` counts seconds, for tests to move."""

    def __init__(
        self,
        checks: Sequence[Check],
        drain: Drain,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self._look_seconds = look_seconds
        self._checks = tuple(checks)
        self._drain = drain
        self._monotonic = monotonic
        self._silent_since: dict[str, float | None] = {}
        self._turn = asyncio.Lock()
        self._last: tuple[float, Report] | None = None

    async def report(self) -> Report:
        """The state of this process, at most half a second old."""
        async with self._turn:
            now = self._monotonic()
            if self._last is None or now - self._last[0] >= SHARED_SECONDS:
                found = await asyncio.gather(*(self._look(check) for check in self._checks))
                self._last = (now, self._judge(dict(zip(self._checks, found, strict=True))))
            report = self._last[1]
        if self._drain.active:
            return Report(("draining", *report.failing), report.degraded, report.checks)
        return report

    async def sample(self) -> None:
        """Bring the gauges up to date."""
        report = await self.report()
        _READY.set(not report.failing)
        for check in self._checks:
            _FINE.set(check.name not in report.failing and check.name not in report.degraded, check.name)

    async def _look(self, check: Check) -> Finding:
        started = time.perf_counter()
        try:
            async with asyncio.timeout(self._look_seconds):
                fault, answered = await check.look(), True
        except (Unavailable, TimeoutError):
            fault, answered = "does not answer", False
        return Finding(fault, answered, round((time.perf_counter() - started) * 1000, 2))

    def _judge(self, findings: Mapping[Check, Finding]) -> Report:
        failing: list[str] = []
        degraded: list[str] = []
        for check, finding in findings.items():
            silent_for = self._silence(check, finding)
            if finding.fault is None:
                continue
            in_grace = not finding.answered and silent_for <= GRACE_SECONDS
            (failing if check.essential and not in_grace else degraded).append(check.name)
        checks = {check.name: _shown(finding) for check, finding in findings.items()}
        return Report(tuple(failing), tuple(degraded), checks)

    def _silence(self, check: Check, finding: Finding) -> float:
        """For how many seconds nobody has answered; for ever where nobody yet did, so that a start is unready."""
        if finding.answered:
            self._silent_since[check.name] = None
            return 0.0
        if check.name not in self._silent_since:
            return math.inf
        now = self._monotonic()
        since = self._silent_since[check.name]
        if since is None:
            since = self._silent_since[check.name] = now
        return now - since


def _shown(finding: Finding) -> Mapping[str, object]:
    shown: dict[str, object] = {"ok": finding.fault is None, "latency_ms": finding.latency_ms}
    return shown if finding.fault is None else {**shown, "fault": finding.fault}


@router.hot("GET", "/health/live", summary="Whether this process lives")
async def live(_: Request) -> Response:
    """Answer without asking anything: a process that does so needs no restart."""
    return JSONResponse({"status": "live"})


@router.hot("GET", "/health/ready", summary="Whether this process can serve")
async def ready(request: Request) -> Response:
    """200 when this process can serve, also where it does without something; 503 with the reasons when it cannot."""
    report = await provided(request.app, Health).report()
    if report.failing:
        refusal = NotReady(f"Not ready: {', '.join(report.failing)}.")
        refusal.extensions = {"failing": report.failing, "degraded": report.degraded, "checks": report.checks}
        raise refusal
    return JSONResponse({"status": "ready", "degraded": report.degraded, "checks": report.checks})
