"""Which unfinished sign-ins are past use."""

from datetime import timedelta

from app.foundation.purge import PurgeRule

RULES = (PurgeRule(table="pending_sign_ins", order="expires_at", kept=timedelta(minutes=10)),)
