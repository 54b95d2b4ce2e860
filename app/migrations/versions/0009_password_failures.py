"""Wrong passwords in a row, for the lockout."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0009"
down_revision: str | None = "0008"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("password_credentials", sa.Column("failures", sa.Integer(), server_default="0", nullable=False))
    op.add_column("password_credentials", sa.Column("last_failure", sa.Uuid(), nullable=True))


def downgrade() -> None:
    op.drop_column("password_credentials", "last_failure")
    op.drop_column("password_credentials", "failures")
