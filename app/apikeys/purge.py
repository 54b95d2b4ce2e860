"""Which API keys are past use."""

from datetime import timedelta

from app.foundation.purge import PurgeRule

# Owners find the keys that are over in their list until then.
KEYS_KEPT = timedelta(days=90)

RULES = (
    PurgeRule(
        table="api_keys",
        kept=KEYS_KEPT,
        condition=f"least(revoked_at, expires_at) < {{now}} - interval '{KEYS_KEPT.days} days'",
    ),
)
