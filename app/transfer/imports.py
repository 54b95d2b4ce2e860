"""Taking users in by the hundred thousand."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from app.audit.service import AuditLog
from app.foundation.clock import Clock
from app.foundation.db import Database
from app.foundation.ids import new_id
from app.transfer import store
from app.transfer.admit import Admission, By
from app.transfer.errors import ImportDiffers, ImportNotFound, ImportRunning
from app.transfer.events import UsersImported
from app.transfer.line import LineRefused, ReadUser, read_line
from app.transfer.progress import Progress, Refusal

__all__ = ["By", "UserImports"]

BATCH_LINES = 500
BATCH_BYTES = 1024 * 1024
# Reading a line takes a tenth of a millisecond: other requests get their turn between as many.
_LINES_AT_A_TIME = 20
_NO_LINES = hashlib.sha256().digest()
_TOO_LONG = LineRefused("line_too_long", "The line has more than 64 kB.")

Observer = Callable[[Progress], None]


@dataclass(slots=True)
class _Batch:
    """Lines that are written together: what was read of them, and what was refused."""

    first: int
    digest: bytes
    read: list[tuple[int, ReadUser]] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    lines: int = 0
    size_bytes: int = 0

    @property
    def end(self) -> int:
        """The position behind the batch."""
        return self.first + self.lines

    @property
    def is_full(self) -> bool:
        """Whether it is to be written before another line is read."""
        return self.lines >= BATCH_LINES or self.size_bytes >= BATCH_BYTES


class UserImports:
    """Imports of users, in batches of a transaction each; what a batch wrote stays when a later one fails.

    An import that broke off goes on by the same stream and the same id. A user who is there already, by subject or by
    address, is left as they are, so that the same lines can come any number of times.
    """

    def __init__(self, db: Database, clock: Clock, audit: AuditLog, admission: Admission) -> None:
        self._db = db
        self._clock = clock
        self._audit = audit
        self._admission = admission

    async def run(
        self,
        lines: AsyncIterator[bytes | None],
        *,
        by: By,
        import_id: UUID | None = None,
        observe: Observer | None = None,
    ) -> Progress:
        """Import every line of a stream, and return what became of them. `observe` is told after each batch.

        With the id of an import that broke off, the lines that it has done are only compared. Raises ImportDiffers,
        ImportRunning, DatabaseUnavailable; what has been done is kept then, too.
        """
        now = self._clock.now()
        async with self._db.transaction() as tx:
            begun = await store.begin(tx, import_id or new_id(now), digest=_NO_LINES, now=now)
        progress = await self._skip(lines, begun)
        batch = _Batch(progress.position, progress.digest)
        async for line in lines:
            await self._take(batch, line)
            if batch.is_full:
                progress = await self._write(progress, batch, by)
                batch = _Batch(progress.position, progress.digest)
                if observe is not None:
                    observe(progress)
        return await self._finish(await self._write(progress, batch, by), by, observe)

    async def show(self, import_id: UUID) -> Progress:
        """How far an import has come. Raises ImportNotFound."""
        async with self._db.transaction() as tx:
            progress = await store.find(tx, import_id)
        if progress is None:
            raise ImportNotFound
        return progress

    async def refusals(self, import_id: UUID, *, after: int = 0, limit: int) -> Sequence[Refusal]:
        """The lines that an import refused, in their order, behind line `after`. Raises ImportNotFound."""
        await self.show(import_id)
        async with self._db.transaction() as tx:
            return await store.refusals(tx, import_id, after=after, limit=limit)

    @staticmethod
    async def _skip(lines: AsyncIterator[bytes | None], begun: Progress) -> Progress:
        """Read the lines that are done already; they must be the same."""
        digest = _NO_LINES
        for position in range(begun.position):
            line = await anext(lines, _END)
            if isinstance(line, _End):
                raise ImportDiffers("The stream is shorter than what the import has read before.")
            digest = _chained(digest, line)
            if position % BATCH_LINES == 0:
                await asyncio.sleep(0)
        if digest != begun.digest:
            raise ImportDiffers("The stream does not begin with the lines that the import has read before.")
        return begun

    async def _take(self, batch: _Batch, line: bytes | None) -> None:
        batch.lines += 1
        batch.digest = _chained(batch.digest, line)
        batch.size_bytes += len(line or b"")
        if batch.lines % _LINES_AT_A_TIME == 0:
            await asyncio.sleep(0)
        if line is not None and not line.strip():
            return
        try:
            if line is None:
                raise _TOO_LONG
            batch.read.append((batch.end, read_line(line, now=self._clock.now())))
        except LineRefused as refusal:
            batch.refused.append(Refusal(batch.end, refusal.code, refusal.words))

    async def _write(self, progress: Progress, batch: _Batch, by: By) -> Progress:
        if not batch.lines:
            return progress
        now = self._clock.now()
        async with self._db.transaction() as tx:
            held = await store.hold(tx, progress.id, position=batch.first)
            if held:
                outcome = await self._admission.admit(tx, batch.read, by=by)
                refused = sorted([*batch.refused, *outcome.refused])
                progress = progress._replace(
                    position=batch.end,
                    digest=batch.digest,
                    imported=progress.imported + outcome.imported,
                    present=progress.present + outcome.present,
                    failed=progress.failed + len(refused),
                    updated_at=now,
                )
                await store.advance(tx, progress, refused)
        if not held:
            raise ImportRunning("Somebody else sends this import at the moment.")
        return progress

    async def _finish(self, progress: Progress, by: By, observe: Observer | None) -> Progress:
        if progress.finished_at is None:
            now = self._clock.now()
            progress = progress._replace(updated_at=now, finished_at=now)
            event = UsersImported(
                actor=by.actor,
                origin=by.origin,
                import_id=str(progress.id),
                imported=progress.imported,
                present=progress.present,
                failed=progress.failed,
            )
            async with self._db.transaction() as tx:
                await store.advance(tx, progress, ())
                await self._audit.record(tx, event)
        if observe is not None:
            observe(progress)
        return progress


class _End:
    """Stands for the end of a stream."""


_END = _End()


def _chained(digest: bytes, line: bytes | None) -> bytes:
    return hashlib.sha256(digest + (b"\n" if line is None else line)).digest()
