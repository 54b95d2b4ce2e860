"""What happens when users are moved in bulk."""

from dataclasses import dataclass
from typing import ClassVar

from app.audit.event import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class UsersImported(Event):
    """An import came to its end. Each user has an event of their own besides."""

    type: ClassVar[str] = "users.imported"

    import_id: str
    imported: int
    present: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UsersExported(Event):
    """Somebody began to read all users; `with_hashes` with the hashes of their passwords."""

    type: ClassVar[str] = "users.exported"

    with_hashes: bool
