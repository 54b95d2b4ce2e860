"""Challenges that a mailed code answers."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0010"
down_revision: str | None = "0009"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "email_codes",
        sa.Column("challenge_hash", sa.LargeBinary(), nullable=False),
        sa.Column("bound_to", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("credentials_version", sa.Integer(), nullable=True),
        sa.Column("email_key", sa.Text(), nullable=False),
        sa.Column("browser_hash", sa.LargeBinary(), nullable=True),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("tries_left", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("tries_left >= 0", name=op.f("ck_email_codes_tries_left")),
        sa.PrimaryKeyConstraint("challenge_hash", name=op.f("pk_email_codes")),
        sa.UniqueConstraint("user_id", "bound_to", name=op.f("uq_email_codes_user_id_bound_to")),
    )
    op.create_index(op.f("ix_email_codes_expires_at"), "email_codes", ["expires_at"])


def downgrade() -> None:
    op.drop_table("email_codes")
