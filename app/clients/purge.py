"""Which spent statements of clients are past use."""

from datetime import timedelta

from app.foundation.purge import PurgeRule

# Longer than clocks may differ: a spent statement is refused as expired by then, by everyone.
SPENT_KEPT = timedelta(minutes=10)

RULES = (PurgeRule(table="spent_client_assertions", order="expires_at", kept=SPENT_KEPT),)
