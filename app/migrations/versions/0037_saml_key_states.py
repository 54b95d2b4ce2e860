"""SAML key pairs have states, so that one can follow another; identities say how they came to their users."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0037"
down_revision: str | None = "0035"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    # What comes before the validation at the end commits with it: who is cut off there finds it done the next time.
    for column in (
        sa.Column("state", sa.Text(), server_default="active", nullable=False),
        sa.Column("activated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("retires_at", sa.DateTime(timezone=True), nullable=True),
    ):
        op.add_column("saml_keys", column, if_not_exists=True)
    # A deployment has a handful of these.
    op.drop_constraint(op.f("ck_saml_keys_state"), "saml_keys", if_exists=True)
    op.create_check_constraint(op.f("ck_saml_keys_state"), "saml_keys", "state IN ('next', 'active', 'retiring')")
    op.create_index(op.f("ix_saml_keys_retires_at"), "saml_keys", ["retires_at"], if_not_exists=True)
    op.add_column("federated_identities", sa.Column("how", sa.Text(), nullable=True), if_not_exists=True)
    op.drop_constraint(op.f("ck_federated_identities_how"), "federated_identities", if_exists=True)
    ways = "how IN ('created', 'verified_email', 'account')"
    op.execute(f"ALTER TABLE federated_identities ADD CONSTRAINT ck_federated_identities_how CHECK ({ways}) NOT VALID")
    with op.get_context().autocommit_block():
        # Its rows are looked through without locking the table.
        op.execute("ALTER TABLE federated_identities VALIDATE CONSTRAINT ck_federated_identities_how")


def downgrade() -> None:
    op.drop_column("federated_identities", "how")
    op.drop_index(op.f("ix_saml_keys_retires_at"), "saml_keys")
    op.drop_column("saml_keys", "retires_at")
    op.drop_column("saml_keys", "activated_at")
    op.drop_column("saml_keys", "state")
