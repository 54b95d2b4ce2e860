"""Letting go of old entries while the chain goes on across the gap."""

import asyncpg

from app.foundation.clock import Clock

_UNCHAINED = "SELECT EXISTS (SELECT FROM {partition} WHERE number IS NULL)"
# Entries are numbered as they commit and lie by the time at which they began: at the turn of a month a few of the old
# one stand among those of the new one. Each whose successor stays is where the chain goes on.
_CUT = """
    INSERT INTO audit_cuts (number, hash, made_at)
    SELECT number, hash, $1 FROM {partition} old
    WHERE NOT EXISTS (SELECT FROM {partition} next WHERE next.number = old.number + 1)
      AND (EXISTS (SELECT FROM audit_entries next WHERE next.number = old.number + 1)
        OR old.number = (SELECT number FROM audit_chain))
    ON CONFLICT DO NOTHING
    """
_FORGET = """
    DELETE FROM audit_cuts c WHERE EXISTS (SELECT FROM {partition} gone WHERE gone.number = c.number + 1)
    """


class ChainCut:
    """What is done before a partition of the log is dropped, in the same transaction."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def __call__(self, connection: "asyncpg.Connection", partition: str) -> bool:
        """Keep number and hash of the entries after which the chain goes on; False where some are not chained yet.

        `partition` is the name of a table of ours, never what somebody sent.
        """
        if await connection.fetchval(_UNCHAINED.format(partition=partition)):
            return False
        await connection.execute(_FORGET.format(partition=partition))
        await connection.execute(_CUT.format(partition=partition), self._clock.now())
        return True
