"""What the queue of jobs keeps too long, apart from the queue itself: web processes need not load that."""

from datetime import timedelta

from app.foundation.purge import PurgeRule

RULES = (
    PurgeRule(table="pgqueuer_log", order="created", kept=timedelta(days=1), condition="aggregated"),
    PurgeRule(table="pgqueuer_statistics", order="created", kept=timedelta(days=30)),
)
"""What the queue notes of finished jobs: its log goes after a day, its counts after a month."""
