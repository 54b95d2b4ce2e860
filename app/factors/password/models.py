"""The table of password hashes."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.foundation.db import Model


class PasswordCredential(Model):
    """A user's password as an Argon2id PHC string.

    `failures` counts wrong ones in a row; `last_failure` is a UUIDv7 of the last one's time, so that sign-ins after
    it are found by their ids.
    """

    __tablename__ = "password_credentials"

    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    password_hash: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    changed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    failures: Mapped[int] = mapped_column(server_default="0")
    last_failure: Mapped[UUID | None]
