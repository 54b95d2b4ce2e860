"""What an import tells of itself."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID


class Progress(NamedTuple):
    """How far an import has come: `position` lines are done, `digest` is of exactly those."""

    id: UUID
    position: int
    digest: bytes
    imported: int
    present: int
    failed: int
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None


class Refusal(NamedTuple):
    """A line that was refused."""

    line: int
    code: str
    detail: str
