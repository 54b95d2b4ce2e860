"""What is to be done, as a value: without the queue that does it, which web processes need not load."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Job:
    """Something to be done. While a job with the same `key` waits or runs, another is not made."""

    kind: str
    key: str
    argument: str


@dataclass(frozen=True, slots=True)
class Claimed:
    """What one claim took: how many rows, and the jobs that come of them."""

    rows: int
    jobs: Sequence[Job]
