"""The table of trusted browsers."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, Index, LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.foundation.db import Model


class TrustedBrowser(Model):
    """A browser that one user trusts. One browser has one cookie, and a row for each user who trusts it.

    It counts only while `credentials_version` is that of its user: whatever changes a credential, or ends everything,
    makes it worthless by that alone.
    """

    __tablename__ = "trusted_browsers"
    __table_args__ = (
        Index(None, "token_hash", "user_id", unique=True),
        Index(None, "user_id"),
        Index(None, "expires_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID]
    token_hash: Mapped[bytes] = mapped_column(LargeBinary)
    credentials_version: Mapped[int]
    ip: Mapped[str | None] = mapped_column(Text)
    user_agent: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    last_used_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
