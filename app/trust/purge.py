"""Which trusted browsers are past use."""

from datetime import timedelta

from app.foundation.purge import PurgeRule

RULES = (PurgeRule(table="trusted_browsers", order="expires_at", kept=timedelta(0)),)
