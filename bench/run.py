"""What every group is given."""

from dataclasses import dataclass
from pathlib import Path

from bench.measure import Load
from bench.service import Backend


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the bench. `quick` means: is everything measurable, not how fast is it."""

    folder: Path
    backend: Backend
    load: Load
    rounds: int
    seconds: float
    quick: bool
