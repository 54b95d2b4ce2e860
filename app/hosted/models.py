"""The table of sign-ins at the pages."""

from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, Index, LargeBinary, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.foundation.db import Model


class HostedSignIn(Model):
    """A sign-in at the pages, from its beginning until it expires.

    `browser_hash` is of the cookie of the browser that opened it first. `sealed` is how far it has come, encrypted:
    what was typed, and the secrets of the steps between.
    """

    __tablename__ = "hosted_sign_ins"
    __table_args__ = (Index(None, "expires_at"), Index(None, "browser_hash"))

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    browser_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    requirements: Mapped[dict[str, Any]] = mapped_column(JSONB)
    resume_at: Mapped[str] = mapped_column(Text)
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    finished_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
