"""The table of users, and reading its rows."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, Index, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.foundation.db import Model
from app.users import user

# By bytes, so that a prefix is a range, whatever the database's own order is.
_BY_EMAIL = {"email_key": "text_pattern_ops"}
_BY_NAME = {"name_key": "text_pattern_ops"}
_INACTIVE = "status <> 'active'"
_NAMED = "name_key IS NOT NULL"


class User(Model):
    """A person. `email` is kept as typed; `email_key` is what makes it unique.

    `credentials_version` grows with every change of a credential: a sign-in that began before the change finds
    another version when it comes to open its session, and is refused.

    `name_key` is the folded name, by which users are searched. Every search walks one of the indexes that end in the
    id, in its order; those on a status leave active users out, who are most of them and soon found without.
    """

    __tablename__ = "users"
    __table_args__ = (
        CheckConstraint("status IN ('active', 'suspended', 'closed')", name="status"),
        CheckConstraint("entry IN ('signup', 'operator', 'demo', 'import', 'federation')", name="entry"),
        CheckConstraint("required_acr IN ('aal1', 'aal2', 'phr')", name="required_acr"),
        Index("ix_users_demo", "id", postgresql_where="entry = 'demo'"),
        Index(None, "created_at", "id"),
        Index("ix_users_email_search", "email_key", "id", postgresql_ops=_BY_EMAIL),
        Index("ix_users_name_search", "name_key", "id", postgresql_ops=_BY_NAME, postgresql_where=_NAMED),
        Index("ix_users_status_created_at", "status", "created_at", "id", postgresql_where=_INACTIVE),
        Index(
            "ix_users_status_email", "status", "email_key", "id", postgresql_ops=_BY_EMAIL, postgresql_where=_INACTIVE
        ),
        Index(
            "ix_users_status_name",
            "status",
            "name_key",
            "id",
            postgresql_ops=_BY_NAME,
            postgresql_where=f"{_INACTIVE} AND {_NAMED}",
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    sub: Mapped[str] = mapped_column(Text, unique=True)
    email: Mapped[str] = mapped_column(Text)
    email_key: Mapped[str] = mapped_column(Text, unique=True)
    email_verified_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    name: Mapped[str | None] = mapped_column(Text)
    name_key: Mapped[str | None] = mapped_column(Text)
    locale: Mapped[str | None] = mapped_column(Text)
    attributes: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    entry: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text, server_default="active")
    credentials_version: Mapped[int] = mapped_column(server_default="0")
    # Counts what took rights away: a statement that reads them beside the locked row sees whether they are of before.
    rights_version: Mapped[int] = mapped_column(server_default="0")
    required_acr: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


COLUMNS = (
    User.id,
    User.sub,
    User.email,
    User.email_verified_at,
    User.name,
    User.attributes,
    User.status,
    User.credentials_version,
    User.required_acr,
    User.locale,
    User.created_at,
)
"""What a statement selects so that `as_user` can read its rows."""


def as_user(row: Mapping[str, Any]) -> user.User:
    """The user in a row that holds `COLUMNS`."""
    return user.User(
        id=row["id"],
        sub=row["sub"],
        email=row["email"],
        email_verified_at=row["email_verified_at"],
        name=row["name"],
        attributes=row["attributes"],
        status=user.UserStatus(row["status"]),
        credentials_version=row["credentials_version"],
        required_acr=row["required_acr"],
        locale=row["locale"],
        created_at=row["created_at"],
    )
