"""The figures of a drill: one line, and what is asserted on."""

from dataclasses import dataclass

from tests.faults.deployment import Deployment
from tests.faults.ledger import halves
from tests.faults.load import Load, Sample
from tests.faults.table import note

# A refusal that acknowledges nothing and says when to come again.
_BUSY = 503


@dataclass(frozen=True, slots=True)
class Report:
    """What one drill found."""

    lost: int
    doubled: int
    half: dict[str, int]
    errors: float
    first_success: float | None


async def report(name: str, load: Load, deployment: Deployment, *, healed_at: float | None = None) -> Report:
    """Judge the ledger, print the drill's line, and return its figures."""
    lost, doubled = await load.ledger.judge(load.client, deployment.database)
    half = await halves(deployment.database)
    failed = [sample for sample in load.samples if not sample.ok]
    errors = len(failed) / max(1, len(load.samples))
    first = None if healed_at is None else first_success(load.samples, after=healed_at)
    back = "" if first is None else f", first success {first * 1000:.0f} ms after the heal"
    print(
        f"{name}: {len(load.samples)} requests, {load.ledger.written} writes acknowledged, lost {lost}, "
        f"doubled {doubled}, half-written {sum(half.values())}, errors {errors:.2%}{back}"
    )
    came_back = "-" if first is None else f"{first * 1000:.0f} ms"
    counted = len(load.samples)
    note(name, requests=counted, lost=lost, doubled=doubled, errors=f"{errors:.2%}", first_success=came_back)
    return Report(lost, doubled, half, errors, first)


def first_success(samples: list[Sample], *, after: float) -> float:
    """Seconds from a moment to the first good answer to a request that asked the database."""
    ends = [sample.ended for sample in samples if sample.ok and sample.ended >= after]
    assert ends, "nothing ever succeeded again"
    return min(ends) - after


def within(samples: list[Sample], start: float, end: float) -> list[Sample]:
    """The requests that were sent in a stretch of time."""
    return [sample for sample in samples if start <= sample.started < end]


def check_refusals(samples: list[Sample]) -> None:
    """Every request that failed was answered 503 with Retry-After."""
    odd = [sample for sample in samples if not sample.ok and (sample.status != _BUSY or not sample.retry_after)]
    assert odd == []
