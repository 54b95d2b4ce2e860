"""Which events are past use. The log itself is kept by `app.audit.retention`."""

from datetime import timedelta

from app.foundation.purge import PurgeRule

# A subscriber that keeps failing is told again for a day; the rest is for whoever asks what went out.
EVENTS_KEPT = timedelta(days=7)

RULES = (PurgeRule(table="events", kept=EVENTS_KEPT, condition="status = 'done'"),)
