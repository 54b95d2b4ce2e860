"""The tables of SAML: our key pairs, what was accepted once, what waits for its browser, and sessions elsewhere."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.foundation.db import Model


class SAMLKey(Model):
    """A key pair of ours. `certificate` is DER; `private_key` PKCS#8 DER, encrypted. It goes at `retires_at`.

    The default is for processes of the release before, which know of one key pair alone.
    """

    __tablename__ = "saml_keys"
    __table_args__ = (CheckConstraint("state IN ('next', 'active', 'retiring')", name="state"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    certificate: Mapped[bytes] = mapped_column(LargeBinary)
    private_key: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    state: Mapped[str] = mapped_column(Text, server_default="active")
    activated_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    retires_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True), index=True)


class SAMLSeen(Model):
    """A message that counted: the digest of its issuer and id. It is past its time at `expires_at`, and then goes."""

    __tablename__ = "saml_seen"

    digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)


class SAMLArrival(Model):
    """A verified response that waits for its browser to come by itself. `sealed` is who it is, encrypted."""

    __tablename__ = "saml_arrivals"

    id_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)


class SAMLSession(Model):
    """A session at a provider. `session` stands for name and index together; `sealed` is the name, encrypted."""

    __tablename__ = "saml_sessions"

    session: Mapped[str] = mapped_column(Text, primary_key=True)
    name_digest: Mapped[bytes] = mapped_column(LargeBinary, index=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)
