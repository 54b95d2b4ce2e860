"""Sessions in which an administrator acts for a user."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0022"
down_revision: str | None = "0021"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_COLUMNS = ("actor_user_id", "actor_session_id")


def upgrade() -> None:
    for column in _COLUMNS:
        op.add_column("sessions", sa.Column(column, sa.Uuid(), nullable=True), if_not_exists=True)
    with op.get_context().autocommit_block():
        for column in _COLUMNS:
            name = f"ix_sessions_{column}"
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.create_index(
                name, "sessions", [column], postgresql_where=f"{column} IS NOT NULL", postgresql_concurrently=True
            )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        for column in _COLUMNS:
            op.drop_index(f"ix_sessions_{column}", table_name="sessions", postgresql_concurrently=True)
    # What stays of them would be sessions like any other.
    op.execute("DELETE FROM sessions WHERE actor_user_id IS NOT NULL")
    for column in _COLUMNS:
        op.drop_column("sessions", column)
