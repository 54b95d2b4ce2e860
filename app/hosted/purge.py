"""Which sign-ins at the pages are past use."""

from datetime import timedelta

from app.foundation.purge import PurgeRule

RULES = (PurgeRule(table="hosted_sign_ins", order="expires_at", kept=timedelta(hours=1)),)
