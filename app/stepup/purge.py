"""Which challenges and spent action tokens are past use."""

from datetime import timedelta

from app.foundation.purge import PurgeRule

# Longer than clocks may differ: a spent token is refused as expired by then, by everyone.
SPENT_KEPT = timedelta(minutes=10)

RULES = (
    PurgeRule(table="action_challenges", order="expires_at", kept=SPENT_KEPT),
    PurgeRule(table="action_token_uses", order="expires_at", kept=SPENT_KEPT),
)
