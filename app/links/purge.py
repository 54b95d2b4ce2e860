"""Which mailed links are past use."""

from datetime import timedelta

from app.foundation.purge import PurgeRule

LINKS_KEPT = timedelta(days=1)

RULES = (PurgeRule(table="links", order="expires_at", kept=LINKS_KEPT),)
