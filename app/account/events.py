"""What people do with their own accounts."""

from dataclasses import dataclass
from typing import ClassVar

from app.audit.event import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountExported(Event):
    """A person took an export of what we hold on them."""

    type: ClassVar[str] = "account.exported"
