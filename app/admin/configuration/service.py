"""Reading the configuration out, and bringing a document about."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.admin.configuration import store
from app.admin.configuration.difference import Action, Change, differences
from app.admin.configuration.document import Document, Entry
from app.admin.configuration.errors import AmbiguousName
from app.admin.configuration.events import ConfigurationApplied
from app.admin.configuration.kind import Acting, Kind
from app.audit.service import AuditLog
from app.foundation.clock import Clock
from app.foundation.db import Database, Transaction

# Each kind has entries of its own type, which only it looks into.
AnyKind = Kind[Any]


@dataclass(frozen=True, slots=True)
class Export:
    """The document, and what it could not name, because several have the same name."""

    document: Document
    left_out: tuple[str, ...]


class _NotReally(Exception):
    """Ends a trial, so that its transaction is rolled back."""


class Configuration:
    """The whole that one document describes."""

    def __init__(self, db: Database, clock: Clock, audit: AuditLog, kinds: Sequence[AnyKind]) -> None:
        self._db = db
        self._clock = clock
        self._audit = audit
        self._kinds = kinds

    async def export(self) -> Export:
        """Everything that is set up. No secret is in it."""
        parts: dict[str, dict[str, Entry]] = {}
        left_out: list[str] = []
        async with self._db.transaction() as tx:
            for kind in self._kinds:
                present = await kind.read(tx)
                parts[kind.part] = {name: present.entries[name] for name in sorted(present.entries)}
                left_out += [f"{kind.word} {name}" for name in sorted(present.ambiguous)]
        return Export(Document.model_validate({"version": 1, **parts}), tuple(left_out))

    async def apply(self, document: Document, *, dry_run: bool, prune: bool, acting: Acting) -> list[Change]:
        """Bring a document about, all of it or nothing, and tell what has changed; after a dry run nothing has.

        A dry run does everything and takes it back, so that it refuses what the real one would refuse. With `prune`
        what earlier configurations have made and this one does not name is removed. Raises what the services of each
        kind raise, AmbiguousName, DatabaseUnavailable.
        """
        changes: list[Change] = []
        try:
            async with self._db.one_transaction() as tx:
                await store.lock(tx)
                changes = await self._apply(tx, document, prune=prune, acting=acting)
                if dry_run:
                    _take_back()
        except _NotReally:
            pass
        return changes

    async def _apply(self, tx: Transaction, document: Document, *, prune: bool, acting: Acting) -> list[Change]:
        changes: list[Change] = []
        named = [(kind, getattr(document, kind.part)) for kind in self._kinds]
        stated = [(kind, entries) for kind, entries in named if entries is not None]
        for kind, entries in stated:
            changes += await self._bring_about(tx, kind, entries, acting)
        # What others stand on goes last: a role may have permissions at an audience that goes too.
        for kind, entries in reversed(stated):
            changes += await self._prune(tx, kind, set(entries), prune=prune, acting=acting)
        counts = Counter(change.action for change in changes)
        if any(change.changes_something for change in changes):
            event = ConfigurationApplied(
                actor=acting.actor,
                origin=acting.origin,
                created=counts[Action.CREATE],
                updated=counts[Action.UPDATE],
                deleted=counts[Action.DELETE],
            )
            await self._audit.record(tx, event)
        return changes

    async def _bring_about(
        self, tx: Transaction, kind: AnyKind, entries: dict[str, Entry], acting: Acting
    ) -> list[Change]:
        present, changes = await kind.read(tx), []
        owned = await store.owned(tx, kind.word)
        for name, entry in entries.items():
            if name in present.ambiguous:
                raise AmbiguousName(f"More than one {kind.word} is called {name}. Rename all but one.")
            before = present.entries.get(name)
            if before is None:
                await kind.create(tx, name, entry, acting)
                if name not in owned:
                    await store.own(tx, kind.word, name, self._clock.now())
                await kind.settle(tx, name, entry, acting)
                changes.append(Change(Action.CREATE, kind.word, name))
                continue
            parts = list(differences(before.comparable(), entry.comparable()))
            if parts:
                await kind.update(tx, name, entry, acting)
            parts += await kind.settle(tx, name, entry, acting)
            if parts:
                changes.append(Change(Action.UPDATE, kind.word, name, tuple(parts)))
        return changes

    async def _prune(
        self, tx: Transaction, kind: AnyKind, wanted: set[str], *, prune: bool, acting: Acting
    ) -> list[Change]:
        changes, present = [], (await kind.read(tx)).entries
        for name in sorted(await store.owned(tx, kind.word) - wanted):
            gone = name not in present
            removed = not gone and prune and await kind.remove(tx, name, acting)
            if gone or removed:
                await store.disown(tx, kind.word, name)
            if not gone:
                changes.append(Change(Action.DELETE if removed else Action.LEAVE, kind.word, name))
        return changes


def _take_back() -> None:
    raise _NotReally
