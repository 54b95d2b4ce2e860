"""The table of signing keys."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, Index, LargeBinary, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.foundation.db import Model


class SigningKey(Model):
    """A key pair. `kid` is the RFC 7638 thumbprint; `private_key` is PKCS#8 DER, encrypted by the keyring."""

    __tablename__ = "signing_keys"
    __table_args__ = (
        CheckConstraint("algorithm IN ('RS256', 'ES256', 'EdDSA')", name="algorithm"),
        CheckConstraint("state IN ('next', 'active', 'retiring', 'retired', 'revoked')", name="state"),
        Index("uq_signing_keys_next", "algorithm", unique=True, postgresql_where="state = 'next'"),
        Index("uq_signing_keys_active", "algorithm", unique=True, postgresql_where="state = 'active'"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kid: Mapped[str] = mapped_column(Text, unique=True)
    algorithm: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    public_jwk: Mapped[dict[str, Any]] = mapped_column(JSONB)
    private_key: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    activated_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    retires_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    retired_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
