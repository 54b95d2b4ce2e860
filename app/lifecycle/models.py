"""The table of accounts that their owners closed."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from app.foundation.db import Model


class AccountClosure(Model):
    """An account that is deleted for good at `due_at`, unless whoever holds the mailed token takes it back before."""

    __tablename__ = "account_closures"
    __table_args__ = (Index(None, "due_at"),)

    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    closed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    due_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
