"""Until when grants were ended for an audience, and which tokens wait for a second to end."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0028"
down_revision: str | None = "0027"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("audiences", sa.Column("grants_after", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_revocations_bars", "revocations", ["at"], postgresql_where=sa.text("kind IN ('client_id', 'aud')")
    )


def downgrade() -> None:
    op.drop_index("ix_revocations_bars", table_name="revocations")
    op.drop_column("audiences", "grants_after")
