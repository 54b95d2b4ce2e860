"""Searching the audit log, and erasing a person from it."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0018"
down_revision: str | None = "0017"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# Name on the whole table, end of the name on a partition, what is indexed.
_INDEXES = (
    ("ix_audit_entries_actor_id_id", "actor_id_id", "(actor_id, id)"),
    ("ix_audit_entries_type_id", "type_id", "(type, id)"),
    ("ix_audit_entries_ip_id", "ip_id", "(ip, id)"),
    ("ix_audit_entries_refused", "refused", "(id) WHERE outcome = 'refused'"),
    ("ix_audit_entries_trace_id", "trace_id", "USING brin (trace_id text_bloom_ops)"),
)
_PARTITIONS = sa.text(
    "SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid "
    "WHERE inhparent = CAST('audit_entries' AS regclass) ORDER BY relname"
)
_IS_PART = sa.text(
    "SELECT EXISTS (SELECT FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid JOIN pg_index ON indexrelid = "
    "inhrelid WHERE inhparent = CAST(:parent AS regclass) AND indrelid = CAST(:partition AS regclass))"
)


def upgrade() -> None:
    # A run that was cut off before the revision was noted comes here again: every statement bears that.
    op.create_table(
        "audit_erasures",
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_audit_erasures")),
        if_not_exists=True,
    )
    for name, _, indexed in _INDEXES:
        op.execute(f"CREATE INDEX IF NOT EXISTS {name} ON ONLY audit_entries {indexed}")
    # Apart from the transaction: the log stays writable while the indexes of its partitions are built.
    with op.get_context().autocommit_block():
        for partition in op.get_bind().scalars(_PARTITIONS).all():
            _index_partition(partition)


def _index_partition(partition: str) -> None:
    for name, end, indexed in _INDEXES:
        own = f"{partition}_{end}"
        if op.get_bind().scalar(_IS_PART, {"parent": name, "partition": partition}):
            continue
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {own}")
        op.execute(f"CREATE INDEX CONCURRENTLY {own} ON {partition} {indexed}")
        op.execute(f"ALTER INDEX {name} ATTACH PARTITION {own}")


def downgrade() -> None:
    for name, _, _ in _INDEXES:
        op.drop_index(name, table_name="audit_entries")
    op.drop_table("audit_erasures")
