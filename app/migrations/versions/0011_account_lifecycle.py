"""Accounts that their owners closed, mails that are sent once, and finding every session of a user."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0011"
down_revision: str | None = "0010"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_INDEXES = (
    ("uq_mails_once_key", "mails", ["once_key"], True, "once_key IS NOT NULL"),
    ("ix_sessions_user_id_ended", "sessions", ["user_id", "id"], False, "ended_at IS NOT NULL"),
)


def upgrade() -> None:
    # What comes before the block below has committed with it, though the revision is not yet noted: a run that was cut
    # off in between comes here again.
    op.create_table(
        "account_closures",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_account_closures")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_account_closures_token_hash")),
        if_not_exists=True,
    )
    op.create_index(
        op.f("ix_account_closures_due_at"), "account_closures", ["due_at"], unique=False, if_not_exists=True
    )
    op.add_column("mails", sa.Column("once_key", sa.Text(), nullable=True), if_not_exists=True)
    _allow_statuses("'active', 'suspended', 'closed'")
    # Apart from the transaction: large tables stay writable while the indexes are built.
    with op.get_context().autocommit_block():
        op.execute("ALTER TABLE users VALIDATE CONSTRAINT ck_users_status")
        for name, table, columns, unique, condition in _INDEXES:
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.create_index(
                name, table, columns, unique=unique, postgresql_where=condition, postgresql_concurrently=True
            )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        for name, table, _, _, _ in _INDEXES:
            op.drop_index(name, table_name=table, postgresql_concurrently=True)
    # Whoever closed their account stays out.
    op.execute("UPDATE users SET status = 'suspended' WHERE status = 'closed'")
    _allow_statuses("'active', 'suspended'")
    op.drop_column("mails", "once_key")
    op.drop_table("account_closures")


def _allow_statuses(statuses: str) -> None:
    op.drop_constraint(op.f("ck_users_status"), "users", if_exists=True)
    op.execute(f"ALTER TABLE users ADD CONSTRAINT ck_users_status CHECK (status IN ({statuses})) NOT VALID")
