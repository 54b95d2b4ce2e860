"""Which imports are past use."""

from datetime import timedelta

from app.foundation.purge import PurgeRule

# Who sends the stream again after this time begins a new import.
KEPT = timedelta(days=30)

# The lines that it refused go along.
RULES = (PurgeRule(table="user_imports", order="updated_at", kept=KEPT),)
"""By what each import did last."""
