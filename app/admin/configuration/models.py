"""The table of what configurations have made."""

from datetime import datetime

from sqlalchemy import DateTime, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.foundation.db import Model


class ConfiguredThing(Model):
    """Something that `apply-config` has made, by the kind and name that the document gives it."""

    __tablename__ = "configured_things"

    kind: Mapped[str] = mapped_column(Text, primary_key=True)
    name: Mapped[str] = mapped_column(Text, primary_key=True)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
