"""What the limits see."""

from dataclasses import dataclass
from typing import ClassVar

from app.audit.event import Event, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class SprayingDetected(Event):
    """Sign-ins fail for many different accounts. `network` is where from; None: from everywhere together.

    From now on until it has been quiet for `window_seconds`, sign-ins from there are slowed, save from places where
    the account has signed in before.
    """

    type: ClassVar[str] = "login.spraying"
    outcome: ClassVar[Outcome] = Outcome.REFUSED

    network: str | None
    failing_accounts: int
    window_seconds: int
