"""Challenges before action tokens, and action tokens that are spent."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "action_challenges",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("request_hash", sa.Text(), nullable=True),
        sa.Column("factors", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("tries_left", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("tries_left >= 0", name=op.f("ck_action_challenges_tries_left")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_action_challenges")),
    )
    op.create_index(op.f("ix_action_challenges_expires_at"), "action_challenges", ["expires_at"], unique=False)
    op.create_table(
        "action_token_uses",
        sa.Column("jti", sa.Text(), nullable=False),
        sa.Column("consumption_id", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("consumed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("jti", name=op.f("pk_action_token_uses")),
    )
    op.create_index(op.f("ix_action_token_uses_expires_at"), "action_token_uses", ["expires_at"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_action_token_uses_expires_at"), table_name="action_token_uses")
    op.drop_table("action_token_uses")
    op.drop_index(op.f("ix_action_challenges_expires_at"), table_name="action_challenges")
    op.drop_table("action_challenges")
