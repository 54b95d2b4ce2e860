"""The table of sign-ins that wait for their next step."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, Index, LargeBinary, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.foundation.db import Model


class PendingSignIn(Model):
    """A sign-in that was begun and not finished.

    It keeps what was proven (`amr`, `acr`), what is required, the `factors` by which it may go on, and what the tokens
    shall be for; and in `vouched` on whose word it rests, where another provider said who it is. Its token opens only
    its `step`, a few tries long, and dies when a credential of the user changes.
    """

    __tablename__ = "pending_sign_ins"
    __table_args__ = (CheckConstraint("step IN ('verify', 'enrol')", name="step"), Index(None, "expires_at"))

    id: Mapped[UUID] = mapped_column(primary_key=True)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    step: Mapped[str] = mapped_column(Text)
    user_id: Mapped[UUID]
    credentials_version: Mapped[int]
    client_id: Mapped[str] = mapped_column(Text)
    audience: Mapped[str] = mapped_column(Text)
    scope: Mapped[str | None] = mapped_column(Text)
    amr: Mapped[str] = mapped_column(Text)
    acr: Mapped[str] = mapped_column(Text)
    required_acr: Mapped[str] = mapped_column(Text)
    factors: Mapped[str] = mapped_column(Text)
    tries: Mapped[int] = mapped_column(server_default="0")
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    used_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    vouched: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
