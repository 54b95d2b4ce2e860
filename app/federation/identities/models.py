"""The tables of identities, and of the sessions that rest on them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, Index, LargeBinary, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.foundation.db import Model


class LinkedIdentity(Model):
    """An identity and its user. `connection_id` is the provider that vouched for it last.

    `kind` is how that provider is spoken to; None of what was linked before it was noted, until somebody comes by it.
    `email` is what it was linked with, for people to tell their identities apart; `how` is none for those that were
    linked before this was kept. `given` holds the roles and groups
    that rules of the provider gave at the last sign-in; `refresh_token` is sealed, and kept only where asked for.
    """

    __tablename__ = "federated_identities"
    __table_args__ = (
        UniqueConstraint("issuer", "subject"),
        Index(None, "user_id"),
        Index(None, "connection_id"),
        CheckConstraint("how IN ('created', 'verified_email', 'account')", name="how"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    issuer: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)
    user_id: Mapped[UUID]
    connection_id: Mapped[str] = mapped_column(Text)
    kind: Mapped[str | None] = mapped_column(Text)
    email: Mapped[str | None] = mapped_column(Text)
    how: Mapped[str | None] = mapped_column(Text)
    given: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    refresh_token: Mapped[bytes | None] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    last_used_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class VouchedSession(Model):
    """A session of ours that a provider vouched for. `upstream_session` names the one there, where it has a name."""

    __tablename__ = "federated_sessions"
    __table_args__ = (Index(None, "issuer", "subject"), Index(None, "user_id"), Index(None, "created_at"))

    session_id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID]
    connection_id: Mapped[str] = mapped_column(Text)
    issuer: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)
    upstream_session: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
