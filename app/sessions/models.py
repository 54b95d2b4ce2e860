"""The table of sessions."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, Index, Integer, LargeBinary, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.foundation.db import Model


class Session(Model):
    """One sign-in of one user. `acr` and `amr` say how it was proven (RFC 8176).

    A browser's session also has `cookie_hash`, of the session cookie that stands for it, and `idle_seconds`: how
    far each use moves `idle_expires_at`. Elsewhere the refresh token's life does that.

    One in which an administrator acts for the user names them in `actor_user_id`, and the session of theirs that it
    hangs from in `actor_session_id`: it ends with that one.
    """

    __tablename__ = "sessions"
    __table_args__ = (
        Index(None, "user_id", "id", postgresql_where="ended_at IS NULL"),
        # Beside the one above, so that opening a session writes no more than before.
        Index("ix_sessions_user_id_ended", "user_id", "id", postgresql_where="ended_at IS NOT NULL"),
        Index("ix_sessions_actor_user_id", "actor_user_id", postgresql_where="actor_user_id IS NOT NULL"),
        Index("ix_sessions_actor_session_id", "actor_session_id", postgresql_where="actor_session_id IS NOT NULL"),
        Index("uq_sessions_cookie_hash", "cookie_hash", unique=True, postgresql_where="cookie_hash IS NOT NULL"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    sid: Mapped[str] = mapped_column(Text, unique=True)
    user_id: Mapped[UUID]
    auth_time: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    amr: Mapped[list[str]] = mapped_column(ARRAY(Text))
    acr: Mapped[str] = mapped_column(Text)
    ip: Mapped[str | None] = mapped_column(Text)
    user_agent: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    renewed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    idle_expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    ended_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    end_reason: Mapped[str | None] = mapped_column(Text)
    cookie_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    idle_seconds: Mapped[int | None] = mapped_column(Integer)
    actor_user_id: Mapped[UUID | None]
    actor_session_id: Mapped[UUID | None]
