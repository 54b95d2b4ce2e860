"""The table of TOTP seeds."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from app.foundation.db import Model


class TOTPCredential(Model):
    """A user's seed, sealed; it counts once `confirmed_at` is set.

    `last_step` is the newest step whose code was accepted: none up to it is accepted again. `tries` counts the codes
    that were tried since `tries_since` without success.
    """

    __tablename__ = "totp_credentials"

    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    seed: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    confirmed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    last_step: Mapped[int] = mapped_column(BigInteger, server_default="0")
    tries: Mapped[int] = mapped_column(server_default="0")
    tries_since: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
