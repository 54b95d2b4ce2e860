"""The tables of audiences."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.foundation.db import Model


class Audience(Model):
    """A downstream service. `claims` names the user attributes that its tokens carry.

    `signing_algorithm` and `access_token_seconds` override the deployment's defaults where they are set. Grants that
    were asked for with it and are of `grants_after` or earlier count no more.
    """

    __tablename__ = "audiences"
    __table_args__ = (
        CheckConstraint("signing_algorithm IN ('RS256', 'ES256', 'EdDSA')", name="signing_algorithm"),
        CheckConstraint("required_acr IN ('aal1', 'aal2', 'phr')", name="required_acr"),
        CheckConstraint("access_token_seconds BETWEEN 1 AND 3600", name="access_token_seconds"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text, unique=True)
    signing_algorithm: Mapped[str | None] = mapped_column(Text)
    access_token_seconds: Mapped[int | None]
    required_acr: Mapped[str | None] = mapped_column(Text)
    claims: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    grants_after: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class AudienceResource(Model):
    """A resource URI (RFC 8707) of an audience."""

    __tablename__ = "audience_resources"

    resource: Mapped[str] = mapped_column(Text, primary_key=True)
    audience_id: Mapped[UUID] = mapped_column(ForeignKey("audiences.id", ondelete="CASCADE"), index=True)


class AudienceScope(Model):
    """A scope of an audience; with `permission` only those hold it who hold that permission there."""

    __tablename__ = "audience_scopes"

    audience_id: Mapped[UUID] = mapped_column(ForeignKey("audiences.id", ondelete="CASCADE"), primary_key=True)
    scope: Mapped[str] = mapped_column(Text, primary_key=True)
    permission: Mapped[str | None] = mapped_column(Text)
