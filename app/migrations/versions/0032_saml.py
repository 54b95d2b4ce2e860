"""SAML: our key pairs, what was accepted once, what waits for its browser, and sessions at providers."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0032"
down_revision: str | None = "0031"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "saml_keys",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("certificate", sa.LargeBinary(), nullable=False),
        sa.Column("private_key", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saml_keys")),
    )
    op.create_table(
        "saml_seen",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_saml_seen")),
    )
    op.create_index(op.f("ix_saml_seen_expires_at"), "saml_seen", ["expires_at"])
    op.create_table(
        "saml_arrivals",
        sa.Column("id_hash", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id_hash", name=op.f("pk_saml_arrivals")),
    )
    op.create_index(op.f("ix_saml_arrivals_expires_at"), "saml_arrivals", ["expires_at"])
    op.create_table(
        "saml_sessions",
        sa.Column("session", sa.Text(), nullable=False),
        sa.Column("name_digest", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("session", name=op.f("pk_saml_sessions")),
    )
    op.create_index(op.f("ix_saml_sessions_name_digest"), "saml_sessions", ["name_digest"])
    op.create_index(op.f("ix_saml_sessions_created_at"), "saml_sessions", ["created_at"])


def downgrade() -> None:
    op.drop_table("saml_sessions")
    op.drop_table("saml_arrivals")
    op.drop_table("saml_seen")
    op.drop_table("saml_keys")
