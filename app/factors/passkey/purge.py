"""Which challenges of passkeys are past use."""

from datetime import timedelta

from app.foundation.purge import PurgeRule

RULES = (PurgeRule(table="passkey_challenges", order="expires_at", kept=timedelta(minutes=10)),)
