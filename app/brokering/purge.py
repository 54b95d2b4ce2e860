"""Which codes are past use."""

from datetime import timedelta

from app.foundation.purge import PurgeRule

RULES = (PurgeRule(table="exchange_codes", order="expires_at", kept=timedelta(days=1)),)
"""A spent code is told from an unknown one for a day: whoever brings it again ends what it opened."""
