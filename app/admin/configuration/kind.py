"""What each kind of thing in the document can do, in the transaction that brings the whole about."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from app.admin.configuration.document import Entry
from app.audit.event import Actor
from app.foundation.db import Transaction
from app.foundation.origin import Origin

OneEntry = TypeVar("OneEntry", bound=Entry)


@dataclass(frozen=True, slots=True, kw_only=True)
class Acting:
    """Who applies a configuration, and from where."""

    actor: Actor
    origin: Origin


@dataclass(frozen=True, slots=True)
class Present(Generic[OneEntry]):
    """What there is of a kind, by name; names that several have are `ambiguous` and stand nowhere else."""

    entries: Mapping[str, OneEntry]
    ambiguous: frozenset[str] = field(default_factory=frozenset)


class Kind(Protocol[OneEntry]):
    """One kind of thing. `word` is what one is called, `part` where it stands in the document."""

    word: str
    part: str

    async def read(self, tx: Transaction) -> Present[OneEntry]:
        """Everything that there is of it."""
        ...

    async def create(self, tx: Transaction, name: str, entry: OneEntry, acting: Acting) -> None:
        """Make one."""
        ...

    async def update(self, tx: Transaction, name: str, entry: OneEntry, acting: Acting) -> None:
        """Bring one that there is to what its entry says."""
        ...

    async def settle(self, tx: Transaction, name: str, entry: OneEntry, acting: Acting) -> list[str]:
        """Do what cannot be compared beforehand, such as a secret, and tell what has changed by it."""
        ...

    async def remove(self, tx: Transaction, name: str, acting: Acting) -> bool:
        """Remove one; False where its kind is never removed."""
        ...
