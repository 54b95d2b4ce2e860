"""Time steps of one-time codes, and what a typed code may look like: pure rules. Spec: RFC 6238."""

from datetime import datetime

STEP_SECONDS = 30
DRIFT_STEPS = 1
DIGITS = 6

_ASCII_DIGITS = frozenset("0123456789")


def step_at(moment: datetime) -> int:
    """The number of the time step of a moment. Spec: RFC 6238 §4.2."""
    return int(moment.timestamp()) // STEP_SECONDS


def accepted_steps(now: datetime) -> range:
    """The steps whose codes count now: this one, and one to either side for clocks that drift. Spec: RFC 6238 §5.2."""
    present = step_at(now)
    return range(present - DRIFT_STEPS, present + DRIFT_STEPS + 1)


def parse_code(typed: str) -> str | None:
    """The six digits that a person typed, or None.

    Spaces are dropped wherever they stand, because apps show codes in groups. Digits of other scripts are refused: no
    app shows them, and they are no ASCII text to compare.
    """
    code = typed.replace(" ", "")
    return code if len(code) == DIGITS and _ASCII_DIGITS.issuperset(code) else None
