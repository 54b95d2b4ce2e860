"""What happens in recovery. A password that was set anew is `password.changed`."""

from dataclasses import dataclass
from typing import ClassVar

from app.audit.event import Event, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordResetRequested(Event):
    """Somebody asked for the link that sets a new password; whether the address has an account is not known yet."""

    type: ClassVar[str] = "password.reset_requested"

    identifier: str | None


class PasswordChangeRefused(Event):
    """A signed-in person's change of password came with a wrong present one."""

    type: ClassVar[str] = "password.change_refused"
    outcome: ClassVar[Outcome] = Outcome.REFUSED


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountInterrupted(Event):
    """An owner said "this was not me": everything under way in the account was ended.

    `identities` of other providers were unlinked and `factors` removed, those that had come to it lately. `restored`
    says that an address that was changed is the former one again.
    """

    type: ClassVar[str] = "account.interrupted"

    sessions: int
    api_keys: int
    identities: int = 0
    factors: int = 0
    restored: bool
