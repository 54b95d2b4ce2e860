"""The table of links."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, Index, LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.foundation.db import Model

ONE_OF_A_KIND = "kind <> 'wasnt_me'"


class LinkRow(Model):
    """A link that was mailed. `email` is the address that it is about, where it is about one."""

    __tablename__ = "links"
    __table_args__ = (
        CheckConstraint("kind IN ('verify_email', 'change_email', 'reset_password', 'wasnt_me')", name="kind"),
        Index("uq_links_user_id_kind", "user_id", "kind", unique=True, postgresql_where=ONE_OF_A_KIND),
        Index(None, "user_id"),
        Index(None, "expires_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    user_id: Mapped[UUID]
    email: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    used_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
