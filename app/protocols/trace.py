"""What a flow was judged by: each check with what was expected and what came, so that its failure explains itself."""

from collections.abc import Mapping
from dataclasses import dataclass

MAX_CHARACTERS = 256
MAX_CHECKS = 64
_SHOWN = 4
_LEAST_TO_SHOW = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check. `expected` and `received` are for people who mend a client, and hold no secret."""

    name: str
    passed: bool
    expected: str | None = None
    received: str | None = None

    def as_json(self) -> dict[str, object]:
        """The form in which it is kept and shown."""
        return {"name": self.name, "passed": self.passed, "expected": self.expected, "received": self.received}

    @classmethod
    def of(cls, kept: Mapping[str, object]) -> "Check":
        """The check that was kept in that form."""
        expected, received = kept["expected"], kept["received"]
        return cls(
            name=str(kept["name"]),
            passed=bool(kept["passed"]),
            expected=None if expected is None else str(expected),
            received=None if received is None else str(received),
        )


class Trace:
    """Collects the checks of one flow, in their order. What it is told is cut to a bounded, printable length."""

    def __init__(self, checks: tuple[Check, ...] = ()) -> None:
        self._checks = {check.name: check for check in checks}

    @property
    def checks(self) -> tuple[Check, ...]:
        """All that was checked so far."""
        return tuple(self._checks.values())

    @property
    def failed(self) -> Check | None:
        """The first check that did not pass."""
        return next((check for check in self._checks.values() if not check.passed), None)

    def check(
        self,
        name: str,
        passed: bool,  # noqa: FBT001 — reads as a sentence
        *,
        expected: str | None = None,
        received: str | None = None,
    ) -> bool:
        """Note a check and return whether it passed. Values that prove anything come `masked`."""
        check = Check(name=name, passed=passed, expected=_bounded(expected), received=_bounded(received))
        # A flow that is taken up again is checked again: the latest judgement of each thing stands.
        self._checks.pop(name, None)
        if len(self._checks) >= MAX_CHECKS:
            self._checks.popitem()
        self._checks[name] = check
        return passed


def masked(value: str | None) -> str | None:
    """A secret as it may be shown: its length, and of a long one its beginning."""
    if value is None:
        return None
    shown = value[:_SHOWN] if len(value) >= _LEAST_TO_SHOW else ""
    return f"{shown}… ({len(value)} characters)"


def _bounded(value: str | None) -> str | None:
    if value is None:
        return None
    kept = value if len(value) <= MAX_CHARACTERS else f"{value[:MAX_CHARACTERS]}… ({len(value)} characters)"
    if kept.isprintable():
        return kept
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in kept)
