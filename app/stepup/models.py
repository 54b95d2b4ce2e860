"""The tables of challenges and of spent action tokens."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, Index, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.foundation.db import Model


class ActionChallenge(Model):
    """What a user is to confirm. `audience` is the `aud` of the token that asked; `factors` are those that count."""

    __tablename__ = "action_challenges"
    __table_args__ = (CheckConstraint("tries_left >= 0", name="tries_left"), Index(None, "expires_at"))

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID]
    session_id: Mapped[UUID]
    audience: Mapped[str] = mapped_column(Text)
    action: Mapped[str] = mapped_column(Text)
    request_hash: Mapped[str | None] = mapped_column(Text)
    factors: Mapped[list[str]] = mapped_column(ARRAY(Text))
    tries_left: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    answered_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class ActionTokenUse(Model):
    """A spent action token. After `expires_at` the token is refused anyway, and the row may go."""

    __tablename__ = "action_token_uses"
    __table_args__ = (Index(None, "expires_at"),)

    jti: Mapped[str] = mapped_column(Text, primary_key=True)
    consumption_id: Mapped[str] = mapped_column(Text)
    client_id: Mapped[str] = mapped_column(Text)
    consumed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
