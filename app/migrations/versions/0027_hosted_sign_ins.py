"""Sign-ins at the pages."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0027"
down_revision: str | None = "0026"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "hosted_sign_ins",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("browser_hash", sa.LargeBinary(), nullable=True),
        sa.Column("requirements", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("resume_at", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hosted_sign_ins")),
    )
    op.create_index(op.f("ix_hosted_sign_ins_expires_at"), "hosted_sign_ins", ["expires_at"])
    op.create_index(op.f("ix_hosted_sign_ins_browser_hash"), "hosted_sign_ins", ["browser_hash"])


def downgrade() -> None:
    op.drop_table("hosted_sign_ins")
