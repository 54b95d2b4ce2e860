"""Which mails are past use."""

from datetime import timedelta

from app.foundation.purge import PurgeRule

MAILS_KEPT = timedelta(days=30)

RULES = (PurgeRule(table="mails", kept=MAILS_KEPT, condition="state <> 'pending'"),)
