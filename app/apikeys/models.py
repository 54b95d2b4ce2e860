"""The table of API keys."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, Index, LargeBinary, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.foundation.db import Model


class APIKeyRow(Model):
    """A key. Its owner is a user (`user_id`) or a client (`client_id`); `audience` is a stored name.

    `key_hash` is SHA-256 of the whole text. `replaced_by` is the row of the key that it was rotated to.
    """

    __tablename__ = "api_keys"
    __table_args__ = (
        CheckConstraint("num_nonnulls(user_id, client_id) = 1", name="owner"),
        Index("ix_api_keys_user_id", "user_id", "id", postgresql_where="user_id IS NOT NULL"),
        Index("ix_api_keys_client_id", "client_id", "id", postgresql_where="client_id IS NOT NULL"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    key_hash: Mapped[bytes] = mapped_column(LargeBinary)
    name: Mapped[str] = mapped_column(Text)
    user_id: Mapped[UUID | None]
    client_id: Mapped[str | None] = mapped_column(Text)
    audience: Mapped[str] = mapped_column(Text)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    networks: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    expires_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    last_used_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    revoked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    revoke_reason: Mapped[str | None] = mapped_column(Text)
    replaced_by: Mapped[UUID | None]
