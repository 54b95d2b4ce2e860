"""The table of mails."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.foundation.db import Model


class MailRow(Model):
    """A mail and how far its delivery is.

    `payload` holds recipient and values, encrypted, and is taken away once the mail is sent. `message_id` stays
    the same over all attempts, so that a mail sent twice because a worker died is seen to be one. `due_at` is the
    next attempt, or, while a job is at work on it, when that job counts as lost. Of one `once_key` there is one mail.
    """

    __tablename__ = "mails"
    __table_args__ = (
        CheckConstraint("state IN ('pending', 'sent', 'dead')", name="state"),
        Index(None, "due_at", postgresql_where="state = 'pending'"),
        Index(None, "created_at", postgresql_where="state = 'pending'"),
        Index("uq_mails_once_key", "once_key", unique=True, postgresql_where="once_key IS NOT NULL"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    template: Mapped[str] = mapped_column(Text)
    locale: Mapped[str | None] = mapped_column(Text)
    user_id: Mapped[UUID | None] = mapped_column()
    message_id: Mapped[str] = mapped_column(Text)
    payload: Mapped[bytes | None] = mapped_column()
    state: Mapped[str] = mapped_column(Text, server_default="pending")
    attempts: Mapped[int] = mapped_column(server_default="0")
    due_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    once_key: Mapped[str | None] = mapped_column(Text)
    ended_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
