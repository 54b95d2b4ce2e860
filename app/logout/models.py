"""The table of notices."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.foundation.db import Model

_OPEN = "state IN ('pending', 'sending')"


class LogoutNotice(Model):
    """One client to be told of one ended session.

    `pending` is due at `due_at`; `sending` is in hand until then: whoever had it is taken for dead afterwards. What no
    receiver took by `expires_at` is `dead`. `status` and `failure` are of the last try.
    """

    __tablename__ = "logout_notices"
    __table_args__ = (
        CheckConstraint("state IN ('pending', 'sending', 'delivered', 'dead')", name="state"),
        Index("uq_logout_notices_sid_client_id", "sid", "client_id", unique=True),
        Index("ix_logout_notices_due", "due_at", postgresql_where=_OPEN),
        Index(None, "created_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    client_id: Mapped[str] = mapped_column(Text)
    sid: Mapped[str] = mapped_column(Text)
    sub: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    attempts: Mapped[int] = mapped_column(server_default="0")
    due_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    ended_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    status: Mapped[int | None]
    failure: Mapped[str | None] = mapped_column(Text)
