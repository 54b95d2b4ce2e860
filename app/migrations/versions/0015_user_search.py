"""Searching users by address, name, status and age, and those that were imported."""

import unicodedata
from collections.abc import Sequence

import sqlalchemy as sa
from alembic import context, op

revision: str = "0015"
down_revision: str | None = "0014"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_BATCH = 2000
_BY_EMAIL = "email_key text_pattern_ops"
_BY_NAME = "name_key text_pattern_ops"
_INACTIVE = "status <> 'active'"
_NAMED = "name_key IS NOT NULL"

_INDEXES = (
    ("ix_users_created_at_id", "created_at, id", None),
    ("ix_users_email_search", f"{_BY_EMAIL}, id", None),
    ("ix_users_name_search", f"{_BY_NAME}, id", _NAMED),
    ("ix_users_status_created_at", "status, created_at, id", _INACTIVE),
    ("ix_users_status_email", f"status, {_BY_EMAIL}, id", _INACTIVE),
    ("ix_users_status_name", f"status, {_BY_NAME}, id", f"{_INACTIVE} AND {_NAMED}"),
)


def upgrade() -> None:
    op.add_column("users", sa.Column("name_key", sa.Text(), nullable=True), if_not_exists=True)
    _allow_entries("'signup', 'operator', 'demo', 'import'")
    with op.get_context().autocommit_block():
        op.execute("ALTER TABLE users VALIDATE CONSTRAINT ck_users_entry")
        _fold_names()
        for name, columns, condition in _INDEXES:
            where = f" WHERE {condition}" if condition else ""
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.execute(f"CREATE INDEX CONCURRENTLY {name} ON users ({columns}){where}")


def downgrade() -> None:
    with op.get_context().autocommit_block():
        for name, _, _ in _INDEXES:
            op.drop_index(name, table_name="users", postgresql_concurrently=True)
    op.execute("UPDATE users SET entry = 'operator' WHERE entry = 'import'")
    _allow_entries("'signup', 'operator', 'demo'")
    op.drop_column("users", "name_key")


def _fold_names() -> None:
    """Fold the names that are there, in batches of a statement each: nobody waits for a row longer than that."""
    if context.is_offline_mode():
        # As SQL alone nothing can be read: names that are there are found once they are written again.
        return
    connection = op.get_bind()
    unfolded = sa.text(
        "SELECT id, name FROM users WHERE name IS NOT NULL AND name_key IS NULL AND id > :after ORDER BY id LIMIT :most"
    )
    write = sa.text("UPDATE users SET name_key = :key WHERE id = :id AND name = :name")
    after = "00000000-0000-0000-0000-000000000000"
    while rows := connection.execute(
        unfolded.bindparams(sa.bindparam("after", type_=sa.Uuid(as_uuid=False))), {"after": after, "most": _BATCH}
    ).all():
        connection.execute(write, [{"key": _fold(row.name), "id": row.id, "name": row.name} for row in rows])
        after = str(rows[-1].id)


def _fold(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _allow_entries(entries: str) -> None:
    op.drop_constraint(op.f("ck_users_entry"), "users", if_exists=True)
    op.execute(f"ALTER TABLE users ADD CONSTRAINT ck_users_entry CHECK (entry IN ({entries})) NOT VALID")
