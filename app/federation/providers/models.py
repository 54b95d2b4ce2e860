"""The table of identity providers."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, DateTime, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.foundation.db import Model


class IdentityProvider(Model):
    """A provider as an administrator has set it up. `id` is its name in addresses.

    `version` grows with each change and is never one that the id had before, also where the provider was deleted and
    another took its id. `sealed_secret` opens for this id alone.
    """

    __tablename__ = "identity_providers"
    __table_args__ = (CheckConstraint("kind IN ('oidc', 'oauth2', 'saml')", name="kind"),)

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    preset: Mapped[str | None] = mapped_column(Text)
    config: Mapped[dict[str, Any]] = mapped_column(JSONB)
    sealed_secret: Mapped[bytes | None] = mapped_column()
    policy: Mapped[dict[str, Any]] = mapped_column(JSONB)
    enabled: Mapped[bool] = mapped_column()
    version: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
