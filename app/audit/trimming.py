"""Dropping a month of the log: the chain is anchored across the gap, and the log says what went."""

import asyncpg

from app.audit.event import SYSTEM
from app.audit.events import AuditTrimmed
from app.audit.retention import ChainCut
from app.audit.service import AuditLog, recording_ctes
from app.foundation.origin import Origin
from app.foundation.secrets import random_bytes

_RECORD = f"WITH {recording_ctes(1, source='(SELECT) AS once', columns={})} SELECT count(*) FROM recorded"  # noqa: S608 — built from constants; every value is a parameter
_WHAT = "SELECT count(*) AS entries, max(number) AS last FROM {partition}"


class LogTrimming:
    """What is done before a partition of the log is dropped, in the same transaction."""

    def __init__(self, cut: ChainCut, audit: AuditLog) -> None:
        self._cut = cut
        self._audit = audit

    async def __call__(self, connection: "asyncpg.Connection", partition: str) -> bool:
        """Anchor the chain and record what goes; False where some entries have no place in the chain yet."""
        if not await self._cut(connection, partition):
            return False
        what = await connection.fetchrow(_WHAT.format(partition=partition))
        event = AuditTrimmed(
            actor=SYSTEM,
            origin=Origin(ip=None, user_agent=None, trace_id=random_bytes(16).hex()),
            partition=partition,
            entries=what["entries"],
            last_number=what["last"],
        )
        await connection.execute(_RECORD, *self._audit.values(event))
        return True
