"""What happens to passwords."""

from dataclasses import dataclass
from typing import ClassVar

from app.audit.event import Event, Outcome


class PasswordChanged(Event):
    """A user's password was replaced by another."""

    type: ClassVar[str] = "password.changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountLocked(Event):
    """So many wrong passwords came in a row that the password alone opens the account no more."""

    type: ClassVar[str] = "account.locked"
    outcome: ClassVar[Outcome] = Outcome.REFUSED

    failures: int


class AccountUnlocked(Event):
    """An operator forgot an account's wrong passwords."""

    type: ClassVar[str] = "account.unlocked"
