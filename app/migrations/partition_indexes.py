"""Indexes on partitioned tables, built while the tables stay writable."""

from collections.abc import Sequence
from typing import NamedTuple

import sqlalchemy as sa
from alembic import context, op

_PARTITIONS = sa.text(
    "SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid "
    "WHERE inhparent = CAST(:table AS regclass) ORDER BY relname"
)
_IS_PART = sa.text(
    "SELECT EXISTS (SELECT FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid JOIN pg_index ON indexrelid = "
    "inhrelid WHERE inhparent = CAST(:parent AS regclass) AND indrelid = CAST(:partition AS regclass))"
)


class PartitionIndex(NamedTuple):
    """An index: its name on the whole table, the end of its name on a partition, and what is indexed."""

    name: str
    end: str
    indexed: str


def add_partition_indexes(table: str, indexes: Sequence[PartitionIndex]) -> None:
    """Create the indexes, on each partition apart from the migration's transaction. Bears a second run.

    What is done before it in the same migration has committed by then. As SQL alone (`--sql`) nobody knows the
    partitions: there each index is one statement, which holds writers up for as long as it takes.
    """
    if context.is_offline_mode():
        for index in indexes:
            op.execute(f"CREATE INDEX IF NOT EXISTS {index.name} ON {table} {index.indexed}")
        return
    for index in indexes:
        op.execute(f"CREATE INDEX IF NOT EXISTS {index.name} ON ONLY {table} {index.indexed}")
    with op.get_context().autocommit_block():
        for partition in op.get_bind().scalars(_PARTITIONS, {"table": table}).all():
            _index_partition(partition, indexes)


def _index_partition(partition: str, indexes: Sequence[PartitionIndex]) -> None:
    for name, end, indexed in indexes:
        own = f"{partition}_{end}"
        if op.get_bind().scalar(_IS_PART, {"parent": name, "partition": partition}):
            continue
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {own}")
        op.execute(f"CREATE INDEX CONCURRENTLY {own} ON {partition} {indexed}")
        op.execute(f"ALTER INDEX {name} ATTACH PARTITION {own}")
