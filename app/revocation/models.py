"""The registry of revocations, and the one row that holds its last number."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, DateTime, Index, SmallInteger, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.foundation.db import Model


class Revocation(Model):
    """Something that is refused from `at` on. `target` is the id that `kind` says; `seq` comes after the commit.

    `audience` is set where only that audience's tokens are meant. After `expires_at` nothing can match any more.
    """

    __tablename__ = "revocations"
    __table_args__ = (
        CheckConstraint("kind IN ('sid', 'jti', 'grant_id', 'kid', 'api_key', 'sub', 'client_id', 'aud')", name="kind"),
        Index("ix_revocations_unnumbered", "id", postgresql_where="seq IS NULL"),
        Index("uq_revocations_seq", "seq", unique=True, postgresql_where="seq IS NOT NULL"),
        Index(None, "kind", "target"),
        Index(None, "expires_at"),
        Index("ix_revocations_bars", "at", postgresql_where="kind IN ('client_id', 'aud')"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    target: Mapped[str] = mapped_column(Text)
    audience: Mapped[str | None] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    reason: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    seq: Mapped[int | None] = mapped_column(BigInteger)


class RevocationFeed(Model):
    """One row: the last number given, and `epoch`, which changes when numbers start anew."""

    __tablename__ = "revocation_feed"
    __table_args__ = (CheckConstraint("id = 1", name="one"),)

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    epoch: Mapped[UUID]
    last_seq: Mapped[int] = mapped_column(BigInteger)
