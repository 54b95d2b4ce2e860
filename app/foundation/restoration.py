"""After a backup was restored: nothing that was issued before counts again, whatever has become of it since.

A restored database is in the past: what was revoked since lives, what was spent since is unspent. Nobody can know
which, so all of it goes. A feature's `restore.py` names its statements; the wiring lists them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from app.foundation.clock import Clock
from app.foundation.db import translated
from app.foundation.dsn import driver_dsn

_CONNECT_SECONDS = 5.0
# Every row of a large table may change.
_STATEMENT_SECONDS = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreRule:
    """What happens to one table. `statement` is SQL and takes the present moment as `$1`."""

    table: str
    statement: str


def dropped(*tables: str) -> tuple[RestoreRule, ...]:
    """Rules for tables of things that live minutes, all of which go."""
    return tuple(
        RestoreRule(table=table, statement=f"DELETE FROM {table} WHERE $1::timestamptz IS NOT NULL")  # noqa: S608 — names from our source
        for table in tables
    )


class Restoration:
    """Applies the rules in one transaction, on a connection of its own: all of them or none."""

    def __init__(self, database_url: str, clock: Clock, rules: Sequence[RestoreRule]) -> None:
        self._dsn = driver_dsn(database_url)
        self._clock = clock
        self._rules = tuple(rules)

    async def apply(self, *, without: Sequence[str] = ()) -> dict[str, int]:
        """Return how many rows of each table changed; leave the tables `without` alone. Raises DatabaseUnavailable."""
        now, changed = self._clock.now(), dict[str, int]()
        with translated():
            connection = await asyncpg.connect(self._dsn, timeout=_CONNECT_SECONDS, command_timeout=_STATEMENT_SECONDS)
            try:
                async with connection.transaction():
                    for rule in self._rules:
                        if rule.table not in without:
                            status = await connection.execute(rule.statement, now)
                            changed[rule.table] = int(status.rpartition(" ")[2])
            finally:
                connection.terminate()
        return changed
