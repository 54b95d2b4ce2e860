"""Which kept answers are past use."""

from datetime import timedelta

from app.foundation.purge import PurgeRule

RULES = (PurgeRule(table="kept_answers", order="expires_at", kept=timedelta(0)),)
