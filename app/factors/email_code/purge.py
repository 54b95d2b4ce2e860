"""Which mailed codes are past use."""

from datetime import timedelta

from app.foundation.purge import PurgeRule

RULES = (PurgeRule(table="email_codes", order="expires_at", kept=timedelta(minutes=10)),)
