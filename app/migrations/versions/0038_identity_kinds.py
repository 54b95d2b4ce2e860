"""By which protocol an identity was vouched for: one name of a provider may stand for other people in each."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0038"
down_revision: str | None = "0037"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("federated_identities", sa.Column("kind", sa.Text(), nullable=True), if_not_exists=True)


def downgrade() -> None:
    op.drop_column("federated_identities", "kind")
