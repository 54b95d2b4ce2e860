"""The tables of the log and of events waiting to be fanned out."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, DateTime, Index, LargeBinary, SmallInteger, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.foundation.db import Model


class AuditEntry(Model):
    """One security-relevant act. Partitioned by month of `id`, so that retention drops whole partitions.

    The publisher chains it within a second: `number` is its place, `hash` covers it and all before it, and
    `personal_digest` stands in the chain for `ip`, `user_agent` and `details`, hashed with `personal_salt`. To erase a
    person, these three and the salt are emptied and the digest stays: see `chain`.
    """

    __tablename__ = "audit_entries"
    __table_args__ = (
        CheckConstraint("outcome IN ('success', 'refused')", name="outcome"),
        Index(None, "subject", "id"),
        # For whoever searches the log; ids are in the order of time, so each brings the newest first.
        Index(None, "actor_id", "id"),
        Index(None, "type", "id"),
        Index(None, "ip", "id"),
        Index("ix_audit_entries_refused", "id", postgresql_where="outcome = 'refused'"),
        # Trace ids are random, and a tree of them would be touched all over by each new entry; this costs next to
        # nothing to keep, and finds the few pages to look at.
        Index(None, "trace_id", postgresql_using="brin", postgresql_ops={"trace_id": "text_bloom_ops"}),
        Index("ix_audit_entries_unchained", "id", postgresql_where="number IS NULL"),
        Index("ix_audit_entries_number", "number", postgresql_where="number IS NOT NULL"),
        {"postgresql_partition_by": "RANGE (id)"},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    type: Mapped[str] = mapped_column(Text)
    outcome: Mapped[str] = mapped_column(Text)
    actor_kind: Mapped[str] = mapped_column(Text)
    actor_id: Mapped[str | None] = mapped_column(Text)
    subject: Mapped[str | None] = mapped_column(Text)
    ip: Mapped[str | None] = mapped_column(Text)
    user_agent: Mapped[str | None] = mapped_column(Text)
    trace_id: Mapped[str] = mapped_column(Text)
    details: Mapped[dict[str, Any]] = mapped_column(JSONB)
    number: Mapped[int | None] = mapped_column(BigInteger)
    hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    personal_salt: Mapped[bytes | None] = mapped_column(LargeBinary)
    personal_digest: Mapped[bytes | None] = mapped_column(LargeBinary)


class AuditChain(Model):
    """One row: the end of the chain, where the next entry is joined on."""

    __tablename__ = "audit_chain"
    __table_args__ = (CheckConstraint("id = 1", name="one"),)

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[bytes] = mapped_column(LargeBinary)


class AuditHead(Model):
    """The end of the chain at a moment, signed: `jws` says the same as `number` and `hash`.

    `anchored_at` is when it was written outside, where that is set up.
    """

    __tablename__ = "audit_heads"
    __table_args__ = (Index(None, "number", postgresql_where="anchored_at IS NULL"),)

    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    hash: Mapped[bytes] = mapped_column(LargeBinary)
    signed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    jws: Mapped[str] = mapped_column(Text)
    anchored_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class AuditCut(Model):
    """An entry that retention removed and whose successor is kept: where the chain goes on across the gap."""

    __tablename__ = "audit_cuts"

    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    hash: Mapped[bytes] = mapped_column(LargeBinary)
    made_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class AuditErasure(Model):
    """A subject whose personal data are to go from the log, until they have gone."""

    __tablename__ = "audit_erasures"

    subject: Mapped[str] = mapped_column(Text, primary_key=True)
    requested_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class EventRow(Model):
    """An event whose change has committed. The worker claims rows by status, never by "id greater than last"."""

    __tablename__ = "events"
    __table_args__ = (
        CheckConstraint("status IN ('pending', 'done')", name="status"),
        Index(None, "id", postgresql_where="status = 'pending'"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    type: Mapped[str] = mapped_column(Text)
    subject: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB)
    status: Mapped[str] = mapped_column(Text, server_default="pending")
