"""What clients may ask for and how they prove themselves; statements of theirs that have counted."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0019"
down_revision: str | None = "0018"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_METHODS = "token_endpoint_auth_method IN ('client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none')"


def upgrade() -> None:
    texts = postgresql.ARRAY(sa.Text())
    for column in (
        sa.Column("grant_types", texts, server_default="{}", nullable=False),
        sa.Column("redirect_uris", texts, server_default="{}", nullable=False),
        sa.Column("token_endpoint_auth_method", sa.Text(), server_default="client_secret_basic", nullable=False),
        sa.Column("targets", postgresql.JSONB(), server_default="{}", nullable=False),
        sa.Column("jwks", postgresql.JSONB(), nullable=True),
        sa.Column("jwks_uri", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("tokens_not_before", sa.DateTime(timezone=True), nullable=True),
    ):
        op.add_column("oauth_clients", column)
    op.create_check_constraint(op.f("ck_oauth_clients_token_endpoint_auth_method"), "oauth_clients", _METHODS)
    op.create_table(
        "spent_client_assertions",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("jti_hash", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("client_id", "jti_hash", name=op.f("pk_spent_client_assertions")),
    )
    op.create_index(
        op.f("ix_spent_client_assertions_expires_at"), "spent_client_assertions", ["expires_at"], unique=False
    )


def downgrade() -> None:
    op.drop_table("spent_client_assertions")
    op.drop_constraint(op.f("ck_oauth_clients_token_endpoint_auth_method"), "oauth_clients", type_="check")
    for name in (
        "tokens_not_before",
        "version",
        "jwks_uri",
        "jwks",
        "targets",
        "token_endpoint_auth_method",
        "redirect_uris",
        "grant_types",
    ):
        op.drop_column("oauth_clients", name)
