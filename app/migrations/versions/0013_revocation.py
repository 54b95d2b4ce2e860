"""The registry of revocations, and the chain of audit entries."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

from app.migrations.partition_indexes import PartitionIndex, add_partition_indexes

revision: str = "0013"
down_revision: str | None = "0012"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_KINDS = "'sid', 'jti', 'grant_id', 'kid', 'api_key', 'sub', 'client_id', 'aud'"
_CHAIN_COLUMNS: dict[str, sa.types.TypeEngine[Any]] = {
    "number": sa.BigInteger(),
    "hash": sa.LargeBinary(),
    "personal_salt": sa.LargeBinary(),
    "personal_digest": sa.LargeBinary(),
}
_CHAIN_INDEXES = (
    PartitionIndex("ix_audit_entries_unchained", "unchained", "(id) WHERE number IS NULL"),
    PartitionIndex("ix_audit_entries_number", "number", "(number) WHERE number IS NOT NULL"),
)


def upgrade() -> None:
    # A run that was cut off before the revision was noted comes here again: every statement bears that.
    _create_registry()
    _create_chain()
    for name, kind in _CHAIN_COLUMNS.items():
        op.add_column("audit_entries", sa.Column(name, kind, nullable=True), if_not_exists=True)
    add_partition_indexes("audit_entries", _CHAIN_INDEXES)


def _create_registry() -> None:
    op.create_table(
        "revocations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("audience", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(f"kind IN ({_KINDS})", name=op.f("ck_revocations_kind")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_revocations")),
        if_not_exists=True,
    )
    for statement in (
        "INDEX IF NOT EXISTS ix_revocations_unnumbered ON revocations (id) WHERE seq IS NULL",
        "UNIQUE INDEX IF NOT EXISTS uq_revocations_seq ON revocations (seq) WHERE seq IS NOT NULL",
        "INDEX IF NOT EXISTS ix_revocations_kind_target ON revocations (kind, target)",
        "INDEX IF NOT EXISTS ix_revocations_expires_at ON revocations (expires_at)",
    ):
        op.execute(f"CREATE {statement}")
    op.create_table(
        "revocation_feed",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("epoch", sa.Uuid(), nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_revocation_feed_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_revocation_feed")),
        if_not_exists=True,
    )
    op.execute("INSERT INTO revocation_feed VALUES (1, gen_random_uuid(), 0) ON CONFLICT DO NOTHING")


def _create_chain() -> None:
    op.create_table(
        "audit_chain",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_audit_chain_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_chain")),
        if_not_exists=True,
    )
    # Before the first entry stand 32 zero bytes.
    op.execute("INSERT INTO audit_chain VALUES (1, 0, decode(repeat('00', 32), 'hex')) ON CONFLICT DO NOTHING")
    op.create_table(
        "audit_heads",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("jws", sa.Text(), nullable=False),
        sa.Column("anchored_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit_heads")),
        if_not_exists=True,
    )
    op.execute("CREATE INDEX IF NOT EXISTS ix_audit_heads_number ON audit_heads (number) WHERE anchored_at IS NULL")
    op.create_table(
        "audit_cuts",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit_cuts")),
        if_not_exists=True,
    )


def downgrade() -> None:
    for name, _, _ in _CHAIN_INDEXES:
        op.drop_index(name, table_name="audit_entries")
    for name in _CHAIN_COLUMNS:
        op.drop_column("audit_entries", name)
    for table in ("audit_cuts", "audit_heads", "audit_chain", "revocation_feed", "revocations"):
        op.drop_table(table)
