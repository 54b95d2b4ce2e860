"""The tables of grants, of the codes that they come from, and of refresh tokens."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, DateTime, Index, LargeBinary, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.foundation.db import Model


class Grant(Model):
    """What a user allowed a client within a session.

    `audience` is the stored name of the audience asked for at sign-in; `scope` holds the scopes asked for,
    space-separated, or nothing where all that the user holds was asked.

    One that came from an authorization code also has the `sid` of the browser's session that it was allowed in
    (`session_id` is another where it may outlive that one), the resource URI that it was asked by, if any, and the
    claims that were asked for by name (OpenID Connect Core §5.5).
    """

    __tablename__ = "grants"
    __table_args__ = (
        Index(None, "session_id"),
        Index("ix_grants_browser_sid", "browser_sid", postgresql_where="browser_sid IS NOT NULL"),
        Index("ix_grants_user_id_client_id", "user_id", "client_id", postgresql_where="browser_sid IS NOT NULL"),
    )

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
    browser_sid: Mapped[str | None] = mapped_column(Text)
    resource: Mapped[str | None] = mapped_column(Text)
    claims: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))


class AuthorizationCode(Model):
    """What a user allowed a client, until the client comes for it: once, within a minute. Only the hash is stored.

    `scope` is space-separated. `redirect_uri_given` says that the client named it, and so must name it again.
    `challenge` is PKCE's, by S256. `offline` asks for a session of its own. A spent code keeps the id that the row of
    its grant was given, so that whoever brings it again ends that grant.
    """

    __tablename__ = "authorization_codes"
    __table_args__ = (Index(None, "expires_at"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    code_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    client_id: Mapped[str] = mapped_column(Text)
    session_id: Mapped[UUID]
    user_id: Mapped[UUID]
    redirect_uri: Mapped[str] = mapped_column(Text)
    redirect_uri_given: Mapped[bool] = mapped_column(Boolean)
    challenge: Mapped[str | None] = mapped_column(Text)
    nonce: Mapped[str | None] = mapped_column(Text)
    scope: Mapped[str] = mapped_column(Text)
    offline: Mapped[bool] = mapped_column(Boolean)
    audience: Mapped[str] = mapped_column(Text)
    resource: Mapped[str | None] = mapped_column(Text)
    claims: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    flow_id: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    consumed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    grant_row_id: Mapped[UUID | None]


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
