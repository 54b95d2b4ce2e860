"""Identities of other providers, the sessions that rest on them, and the codes by which an app fetches its tokens."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0035"
down_revision: str | None = "0034"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_ENTRIES = "'signup', 'operator', 'demo', 'import'"


def upgrade() -> None:
    # What comes before the validation at the end commits with it: who is cut off there finds it done the next time.
    op.create_table(
        "federated_identities",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("connection_id", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("given", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("refresh_token", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_federated_identities")),
        sa.UniqueConstraint("issuer", "subject", name=op.f("uq_federated_identities_issuer_subject")),
        if_not_exists=True,
    )
    op.create_index(op.f("ix_federated_identities_user_id"), "federated_identities", ["user_id"], if_not_exists=True)
    op.create_index(
        op.f("ix_federated_identities_connection_id"), "federated_identities", ["connection_id"], if_not_exists=True
    )
    op.create_table(
        "federated_sessions",
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("connection_id", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("upstream_session", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("session_id", name=op.f("pk_federated_sessions")),
        if_not_exists=True,
    )
    op.create_index(
        op.f("ix_federated_sessions_issuer_subject"), "federated_sessions", ["issuer", "subject"], if_not_exists=True
    )
    op.create_index(op.f("ix_federated_sessions_user_id"), "federated_sessions", ["user_id"], if_not_exists=True)
    op.create_index(op.f("ix_federated_sessions_created_at"), "federated_sessions", ["created_at"], if_not_exists=True)
    op.create_table(
        "exchange_codes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("challenge", sa.Text(), nullable=False),
        sa.Column("flow_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("consumed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("opened_sid", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exchange_codes")),
        sa.UniqueConstraint("code_hash", name=op.f("uq_exchange_codes_code_hash")),
        if_not_exists=True,
    )
    op.create_index(op.f("ix_exchange_codes_expires_at"), "exchange_codes", ["expires_at"], if_not_exists=True)
    vouched = sa.Column("vouched", postgresql.JSONB(astext_type=sa.Text()), nullable=True)
    op.add_column("pending_sign_ins", vouched, if_not_exists=True)
    _let_enter(f"{_ENTRIES}, 'federation'")


def downgrade() -> None:
    op.drop_table("exchange_codes")
    op.drop_table("federated_sessions")
    op.drop_table("federated_identities")
    op.drop_column("pending_sign_ins", "vouched")
    op.execute("UPDATE users SET entry = 'signup' WHERE entry = 'federation'")
    _let_enter(_ENTRIES)


def _let_enter(entries: str) -> None:
    op.drop_constraint(op.f("ck_users_entry"), "users", if_exists=True)
    op.execute(f"ALTER TABLE users ADD CONSTRAINT ck_users_entry CHECK (entry IN ({entries})) NOT VALID")
    with op.get_context().autocommit_block():
        # Its rows are looked through without locking the table.
        op.execute("ALTER TABLE users VALIDATE CONSTRAINT ck_users_entry")
