"""Which notes of sessions are past use."""

from collections.abc import Sequence
from datetime import timedelta

from app.foundation.purge import PurgeRule


def rules(*, absolute: timedelta) -> Sequence[PurgeRule]:
    """The rule: whom a session rested on is forgotten when no session of that time can live any more."""
    return (PurgeRule(table="federated_sessions", order="created_at", kept=absolute + timedelta(hours=1)),)
