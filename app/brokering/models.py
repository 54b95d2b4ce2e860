"""The table of codes by which apps fetch their tokens."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, Index, LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.foundation.db import Model


class ExchangeCode(Model):
    """A code on its way to an app through the browser that it signed in. Only its hash is stored.

    `session_id` is the browser's session, `client_id` the app that registered the address. A spent code keeps the
    `sid` of the session that it opened, so that whoever brings it again ends that one.
    """

    __tablename__ = "exchange_codes"
    __table_args__ = (Index(None, "expires_at"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    code_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    client_id: Mapped[str] = mapped_column(Text)
    session_id: Mapped[UUID]
    audience: Mapped[str] = mapped_column(Text)
    challenge: Mapped[str] = mapped_column(Text)
    flow_id: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    consumed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    opened_sid: Mapped[str | None] = mapped_column(Text)
