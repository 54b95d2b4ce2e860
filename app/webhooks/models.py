"""The tables of endpoints, their secrets, deliveries and attempts."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, DateTime, ForeignKey, Identity, Index, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.foundation.db import Model

_OPEN = "state IN ('queued', 'pending', 'sending')"
_HEAD = "state IN ('pending', 'sending')"


class WebhookEndpoint(Model):
    """Who is told of what. `version` grows with each change by people, not with what deliveries do to the row.

    `failures` counts attempts since the last success, `failing_since` is the first of them, and nothing is sent before
    `held_until`. A deleted endpoint stays until the log of its deliveries is past use.
    """

    __tablename__ = "webhook_endpoints"
    __table_args__ = (
        CheckConstraint("paused_reason IN ('failing', 'gone')", name="paused_reason"),
        Index(None, "deleted_at", postgresql_where="deleted_at IS NOT NULL"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    url: Mapped[str] = mapped_column(Text)
    description: Mapped[str | None] = mapped_column(Text)
    event_types: Mapped[list[str]] = mapped_column(ARRAY(Text))
    disabled: Mapped[bool] = mapped_column(server_default="false")
    version: Mapped[int] = mapped_column(server_default="1")
    failures: Mapped[int] = mapped_column(server_default="0")
    failing_since: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    held_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    paused_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    paused_reason: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    deleted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class WebhookSecret(Model):
    """One secret of an endpoint, sealed; after `expires_at`, where it is set, it signs no more."""

    __tablename__ = "webhook_secrets"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    endpoint_id: Mapped[UUID] = mapped_column(ForeignKey("webhook_endpoints.id", ondelete="CASCADE"), index=True)
    sealed: Mapped[bytes] = mapped_column()
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    expires_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class WebhookDelivery(Model):
    """One event for one endpoint; the truth of how far it got.

    `object` names its lane, `position` its place there. `queued` waits behind another of its lane, `pending` is the
    first and due at `due_at`, `sending` is in hand until then: whoever had it is taken for dead afterwards. What is not
    delivered by `expires_at` is `dead`. `body` is what is signed and sent, byte for byte.
    """

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        CheckConstraint("state IN ('queued', 'pending', 'sending', 'delivered', 'dead')", name="state"),
        Index("uq_webhook_deliveries_endpoint_id_event_id", "endpoint_id", "event_id", unique=True),
        Index("ix_webhook_deliveries_due", "endpoint_id", "due_at", postgresql_where=_HEAD),
        Index("ix_webhook_deliveries_lane", "endpoint_id", "object", "position", postgresql_where=_OPEN),
        Index("ix_webhook_deliveries_open", "expires_at", postgresql_where=_OPEN),
        Index("ix_webhook_deliveries_log", "endpoint_id", "id"),
        Index("ix_webhook_deliveries_dead", "endpoint_id", "created_at", postgresql_where="state = 'dead'"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(BigInteger, Identity(always=True))
    endpoint_id: Mapped[UUID] = mapped_column(ForeignKey("webhook_endpoints.id", ondelete="CASCADE"))
    event_id: Mapped[UUID] = mapped_column()
    event_type: Mapped[str] = mapped_column(Text)
    object: Mapped[str] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    attempts: Mapped[int] = mapped_column(server_default="0")
    due_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    ended_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class WebhookAttempt(Model):
    """One sending and what came of it. `answer` is the beginning of the answer's body."""

    __tablename__ = "webhook_attempts"
    __table_args__ = (Index(None, "delivery_id", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    delivery_id: Mapped[UUID] = mapped_column(ForeignKey("webhook_deliveries.id", ondelete="CASCADE"))
    url: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    duration_ms: Mapped[int] = mapped_column()
    status: Mapped[int | None] = mapped_column()
    failure: Mapped[str | None] = mapped_column(Text)
    detail: Mapped[str | None] = mapped_column(Text)
    answer: Mapped[str | None] = mapped_column(Text)
