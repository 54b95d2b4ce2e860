"""The tables of clients, their secrets, and the statements of theirs that have counted."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, LargeBinary, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.foundation.db import Model


class OAuthClient(Model):
    """A client. `audience` is the stored name of the downstream service whose credentials it holds, if any.

    `targets` maps the stored name of each audience that it may ask tokens for to the scopes that it holds there; null
    stands for those that need no permission. `client_metadata` holds what
    `ClientMetadata` says. `version` grows with every change of the client or its secrets. Tokens
    of its own that were issued before `tokens_not_before`, a whole second, do not count.
    """

    __tablename__ = "oauth_clients"
    __table_args__ = (
        CheckConstraint(
            "token_endpoint_auth_method IN ('client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none')",
            name="token_endpoint_auth_method",
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    client_id: Mapped[str] = mapped_column(Text, unique=True)
    name: Mapped[str] = mapped_column(Text)
    audience: Mapped[str | None] = mapped_column(Text)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    grant_types: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    redirect_uris: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    token_endpoint_auth_method: Mapped[str] = mapped_column(Text, server_default="client_secret_basic")
    targets: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    jwks: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    jwks_uri: Mapped[str | None] = mapped_column(Text)
    client_metadata: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    version: Mapped[int] = mapped_column(server_default="1")
    tokens_not_before: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    disabled_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class ClientSecret(Model):
    """The hash of one secret of a client; after `expires_at`, where it is set, it counts no more."""

    __tablename__ = "client_secrets"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    client_row_id: Mapped[UUID] = mapped_column(ForeignKey("oauth_clients.id", ondelete="CASCADE"), index=True)
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    expires_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class SpentAssertion(Model):
    """A signed statement of a client that has counted, by the hash of its `jti`, until it would be refused anyway."""

    __tablename__ = "spent_client_assertions"

    client_id: Mapped[str] = mapped_column(Text, primary_key=True)
    jti_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)


class ClientLogo(Model):
    """A client's picture as it was fetched from `source`; `digest` is a hash of it, base64url."""

    __tablename__ = "client_logos"

    client_id: Mapped[str] = mapped_column(Text, primary_key=True)
    source: Mapped[str] = mapped_column(Text)
    media_type: Mapped[str] = mapped_column(Text)
    content: Mapped[bytes] = mapped_column(LargeBinary)
    digest: Mapped[str] = mapped_column(Text)
    fetched_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
