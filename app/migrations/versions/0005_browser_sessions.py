"""A browser's session has a cookie, and limits of its own."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    # What comes before the block below has committed with it, though the revision is not yet noted: a run that was cut
    # off in between comes here again.
    op.add_column("sessions", sa.Column("cookie_hash", sa.LargeBinary(), nullable=True), if_not_exists=True)
    op.add_column("sessions", sa.Column("idle_seconds", sa.Integer(), nullable=True), if_not_exists=True)
    # Apart from the transaction: a table of many sessions stays writable while the index is built.
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS uq_sessions_cookie_hash")
        op.create_index(
            "uq_sessions_cookie_hash",
            "sessions",
            ["cookie_hash"],
            unique=True,
            postgresql_where="cookie_hash IS NOT NULL",
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index("uq_sessions_cookie_hash", table_name="sessions", postgresql_concurrently=True)
    op.drop_column("sessions", "idle_seconds")
    op.drop_column("sessions", "cookie_hash")
