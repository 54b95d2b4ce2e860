"""Searching the audit log, and erasing a person from it."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from app.migrations.partition_indexes import PartitionIndex, add_partition_indexes

revision: str = "0018"
down_revision: str | None = "0017"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_INDEXES = (
    PartitionIndex("ix_audit_entries_actor_id_id", "actor_id_id", "(actor_id, id)"),
    PartitionIndex("ix_audit_entries_type_id", "type_id", "(type, id)"),
    PartitionIndex("ix_audit_entries_ip_id", "ip_id", "(ip, id)"),
    PartitionIndex("ix_audit_entries_refused", "refused", "(id) WHERE outcome = 'refused'"),
    PartitionIndex("ix_audit_entries_trace_id", "trace_id", "USING brin (trace_id text_bloom_ops)"),
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
    add_partition_indexes("audit_entries", _INDEXES)


def downgrade() -> None:
    for name, _, _ in _INDEXES:
        op.drop_index(name, table_name="audit_entries")
    op.drop_table("audit_erasures")
