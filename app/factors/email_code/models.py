"""The table of challenges that a mailed code answers."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, Index, LargeBinary, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.foundation.db import Model


class EmailCode(Model):
    """A challenge that nobody has answered yet. `user_id` is null where there is nobody whom an answer would prove.

    `email_key` is the mailbox that the code went to; `browser_hash` is of the cookie that must come with the answer.
    """

    __tablename__ = "email_codes"
    __table_args__ = (
        CheckConstraint("tries_left >= 0", name="tries_left"),
        UniqueConstraint("user_id", "bound_to"),
        Index(None, "expires_at"),
    )

    challenge_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    bound_to: Mapped[str] = mapped_column(Text)
    user_id: Mapped[UUID | None]
    credentials_version: Mapped[int | None]
    email_key: Mapped[str] = mapped_column(Text)
    browser_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    code_hash: Mapped[bytes] = mapped_column(LargeBinary)
    tries_left: Mapped[int]
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
