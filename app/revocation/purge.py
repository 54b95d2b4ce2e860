"""Which revocations are past use."""

from datetime import timedelta

from app.foundation.purge import PurgeRule

# Nothing can match one any more; a follower that was away for a moment shall still find its numbers without a hole.
REVOCATIONS_KEPT = timedelta(minutes=5)

RULES = (PurgeRule(table="revocations", order="expires_at", kept=REVOCATIONS_KEPT, condition="seq IS NOT NULL"),)
