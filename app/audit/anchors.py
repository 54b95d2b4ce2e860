"""Anchors: signed heads written outside, where whoever can write to the database cannot reach."""

import asyncio
import json
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from sqlalchemy import Row, text

from app.audit.settings import AuditSettings
from app.foundation.clock import Clock
from app.foundation.db import Database, DatabaseUnavailable
from app.foundation.http.outbound import CallFailed, Outbound

_LOOK_SECONDS = 1.0
_AGAIN_SECONDS = 10.0
_BATCH = 100
_MAX_ANSWER_BYTES = 4096

_WAITING = text("SELECT number, jws FROM audit_heads WHERE anchored_at IS NULL ORDER BY number LIMIT :limit")
_ANCHORED = text("UPDATE audit_heads SET anchored_at = :now WHERE number = :number")

_logger = logging.getLogger(__name__)


class AnchorRefused(Exception):
    """The receiver did not take a head."""


class Anchors:
    """Writes each head to the file and the address that the settings name, at least once, in order."""

    def __init__(self, db: Database, clock: Clock, outbound: Outbound, settings: AuditSettings) -> None:
        self._db = db
        self._clock = clock
        self._outbound = outbound
        self._file = settings.anchor_file
        self._url = settings.anchor_url
        self._in_file = 0

    @property
    def are_set_up(self) -> bool:
        """Whether there is anywhere to write to."""
        return self._file is not None or self._url is not None

    async def keep(self, leads: Callable[[], bool]) -> None:
        """Write heads while this process leads, for as long as it lives: the coroutine of a background task."""
        failing = False
        while True:
            try:
                if leads():
                    await self.write_waiting()
            except (DatabaseUnavailable, OSError, CallFailed, AnchorRefused) as error:
                if not failing:
                    _logger.warning("a signed head of the audit log cannot be anchored; trying again: %s", error)
                failing = True
            else:
                failing = False
            await asyncio.sleep(_AGAIN_SECONDS if failing else _LOOK_SECONDS)

    async def write_waiting(self) -> int:
        """Write what waits and return how many heads that were. Raises OSError, CallFailed, AnchorRefused."""
        async with self._db.transaction() as tx:
            heads = (await tx.execute(_WAITING, {"limit": _BATCH})).all()
        if self._file is not None and (fresh := [head for head in heads if head.number > self._in_file]):
            await asyncio.to_thread(_append, self._file, [head.jws for head in fresh])
            self._in_file = fresh[-1].number
        await self._send(heads)
        return len(heads)

    async def _send(self, heads: Sequence[Row[tuple[int, str]]]) -> None:
        for head in heads:
            if self._url is not None:
                await self._post(self._url, head.number, head.jws)
            async with self._db.transaction() as tx:
                await tx.execute(_ANCHORED, {"now": self._clock.now(), "number": head.number})

    async def _post(self, url: str, number: int, jws: str) -> None:
        answer = await self._outbound.send(
            "POST",
            url,
            purpose="audit_anchor",
            max_bytes=_MAX_ANSWER_BYTES,
            content=json.dumps({"number": number, "head": jws}).encode(),
            headers={"Content-Type": "application/json"},
        )
        if not 200 <= answer.status < 300:
            raise AnchorRefused(f"the receiver of anchors answers {answer.status}")


def _append(path: Path, lines: Sequence[str]) -> None:
    """Append lines and wait until they are on the disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
    with os.fdopen(descriptor, "a", encoding="ascii") as file:
        file.writelines(f"{line}\n" for line in lines)
        file.flush()
        os.fsync(file.fileno())
