"""The table of kept answers."""

from datetime import datetime

from sqlalchemy import DateTime, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.foundation.db import Model


class KeptAnswer(Model):
    """An answer that was given to a request with an `Idempotency-Key`.

    `key_hash` is SHA-256 over caller, route and key. `sealed` holds the answer and a digest of the request, encrypted:
    both may hold a secret.
    """

    __tablename__ = "kept_answers"
    __table_args__ = (Index(None, "expires_at"),)

    key_hash: Mapped[bytes] = mapped_column(primary_key=True)
    sealed: Mapped[bytes] = mapped_column()
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
