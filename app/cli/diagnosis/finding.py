"""One line of the doctor's table."""

from dataclasses import dataclass
from enum import StrEnum


class Result(StrEnum):
    """How a thing was found."""

    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one look found. `found` and `cure` never quote a secret."""

    check: str
    result: Result
    found: str
    cure: str | None = None

    def as_json(self) -> dict[str, object]:
        """The finding's members; `cure` is null where nothing is to mend."""
        return {"check": self.check, "result": self.result.value, "found": self.found, "cure": self.cure}


def ok(check: str, found: str) -> Finding:
    """All is well."""
    return Finding(check=check, result=Result.OK, found=found)


def warning(check: str, found: str, cure: str) -> Finding:
    """It works, and should be otherwise."""
    return Finding(check=check, result=Result.WARNING, found=found, cure=cure)


def fault(check: str, found: str, cure: str) -> Finding:
    """It does not work, or not safely."""
    return Finding(check=check, result=Result.FAULT, found=found, cure=cure)


def skipped(check: str, found: str) -> Finding:
    """It could not be looked at."""
    return Finding(check=check, result=Result.SKIPPED, found=found)
