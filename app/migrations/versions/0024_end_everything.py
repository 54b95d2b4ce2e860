"""What ended every grant of a client or an audience, and which tokens wait for a second to end."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0024"
down_revision: str | None = "0023"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "grant_endings",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("before", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('client_id', 'aud')", name=op.f("ck_grant_endings_kind")),
        sa.PrimaryKeyConstraint("kind", "target", name=op.f("pk_grant_endings")),
    )
    op.create_index(
        "ix_revocations_bars", "revocations", ["at"], postgresql_where=sa.text("kind IN ('client_id', 'aud')")
    )


def downgrade() -> None:
    op.drop_index("ix_revocations_bars", table_name="revocations")
    op.drop_table("grant_endings")
