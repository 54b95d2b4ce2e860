"""The contract of a factor: one way to prove who a user is. Every factor fills it, and knows no other.

A proof takes up to three steps. `begin` makes a challenge where the factor needs one. `weigh` does what is slow, with
no connection held. `verify` decides, in the caller's transaction and by compare-and-set, so that whatever may be used
once is used once, whoever else presents it at the same moment.

`bound_to` names the one act that a challenge is for, such as `mfa:<row id>`: it is given to `begin` and again to
`verify`, and a challenge begun for another act is not found. A factor that needs no challenge ignores it. Challenges
and their lifetimes are the factor's own: callers store nothing for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from app.foundation.db import Transaction
from app.protocols.assurance import Evidence
from app.users.user import User


class FactorName(StrEnum):
    """What factors are called: in URLs, bodies, events and tables."""

    PASSWORD = "password"  # noqa: S105 — a name
    TOTP = "totp"
    PASSKEY = "passkey"
    RECOVERY_CODE = "recovery_code"
    EMAIL_CODE = "email_code"


@dataclass(frozen=True, slots=True, kw_only=True)
class Presented:
    """What a person answers: `code` typed (a password, a six-digit code), or the `assertion` of a passkey.

    `weighed` is what the factor's own `weigh` found out, and nobody else's business.
    """

    code: str | None = field(default=None, repr=False)
    assertion: Mapping[str, object] | None = field(default=None, repr=False)
    weighed: object = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A factor's word that the user was there. `credential_id` names which of several credentials it was."""

    factor: FactorName
    evidence: Evidence
    credential_id: UUID | None = None


class Factor(Protocol):
    """One way to prove who a user is."""

    @property
    def name(self) -> FactorName:
        """What it is called."""
        ...

    @property
    def is_second(self) -> bool:
        """Whether it counts as a second factor after another."""
        ...

    async def is_enrolled(self, tx: Transaction, user_id: UUID) -> bool:
        """Whether the user can prove themselves by it."""
        ...

    async def forget(self, tx: Transaction, user_id: UUID) -> bool:
        """Delete all that is kept of a user here; False where there was nothing."""
        ...

    async def begin(self, tx: Transaction, user: User, *, bound_to: str) -> Mapping[str, object]:
        """Make a challenge for one act and return what the client must be shown; empty where nothing is needed."""
        ...

    async def weigh(self, user: User, presented: Presented) -> Presented:
        """Do the slow part of the check. Call it before the transaction; it refuses nothing."""
        ...

    async def verify(self, tx: Transaction, user: User, presented: Presented, *, bound_to: str) -> Proof | None:
        """The proof, or None for whatever is wrong; either way what was used up stays used up when `tx` commits.

        Decide inside the transaction and raise after it, or the used challenge and the counted try are rolled back.
        """
        ...
