"""What happens to identities."""

from dataclasses import dataclass
from typing import ClassVar

from app.audit.event import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityLinked(Event):
    """An identity of another provider became a user's. `how` says by what."""

    type: ClassVar[str] = "identity.linked"

    provider: str
    issuer: str
    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityUnlinked(Event):
    """A user's identity opens their account no more. With `forced` it may have been their last way in."""

    type: ClassVar[str] = "identity.unlinked"

    provider: str
    issuer: str
    forced: bool = False
