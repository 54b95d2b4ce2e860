"""The tables of grants and refresh tokens."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, Index, LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.foundation.db import Model


class Grant(Model):
    """What a user allowed a client within a session.

    `audience` is the stored name of the audience asked for at sign-in; `scope` holds the scopes asked for,
    space-separated, or nothing where all that the user holds was asked.
    """

    __tablename__ = "grants"
    __table_args__ = (Index(None, "session_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    grant_id: Mapped[str] = mapped_column(Text, unique=True)
    session_id: Mapped[UUID]
    user_id: Mapped[UUID]
    client_id: Mapped[str] = mapped_column(Text)
    audience: Mapped[str] = mapped_column(Text)
    scope: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    revoked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class RefreshToken(Model):
    """One link of a grant's chain of refresh tokens, partitioned by month of `id`, which the token names.

    A spent token keeps what is needed to compute its successor's secret again from the spent secret
    (`salt`, `key_id`, `successor_id`), so that a repeated rotation gives the same answer and nothing is
    stored in plain.
    """

    __tablename__ = "refresh_tokens"
    __table_args__ = (Index(None, "grant_row_id"), {"postgresql_partition_by": "RANGE (id)"})

    id: Mapped[UUID] = mapped_column(primary_key=True)
    grant_row_id: Mapped[UUID]
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    rotated_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    salt: Mapped[bytes | None] = mapped_column(LargeBinary)
    key_id: Mapped[str | None] = mapped_column(Text)
    successor_id: Mapped[UUID | None]
