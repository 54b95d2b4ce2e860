"""The tables of passkeys and of the challenges that they answer."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Index, LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.foundation.db import Model


class Passkey(Model):
    """A public key of a user. `is_synced` says that its private half may be on several devices."""

    __tablename__ = "passkeys"
    __table_args__ = (Index(None, "user_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID]
    credential_id: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    sign_count: Mapped[int] = mapped_column(BigInteger)
    name: Mapped[str] = mapped_column(Text)
    transports: Mapped[str] = mapped_column(Text)
    aaguid: Mapped[str] = mapped_column(Text)
    is_synced: Mapped[bool]
    is_backed_up: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    last_used_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class PasskeyChallenge(Model):
    """A challenge that nobody has answered yet; an answer deletes it. `user_id` is null where anyone may sign in."""

    __tablename__ = "passkey_challenges"
    __table_args__ = (Index(None, "expires_at"),)

    challenge: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    bound_to: Mapped[str] = mapped_column(Text)
    user_id: Mapped[UUID | None]
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
