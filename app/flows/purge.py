"""Which flows are past use."""

from collections.abc import Sequence
from datetime import timedelta

from app.flows.settings import FlowSettings
from app.foundation.purge import PurgeRule


def rules(settings: FlowSettings) -> Sequence[PurgeRule]:
    """The rule: a flow and its explanation go some time after it could last be taken up."""
    kept = timedelta(seconds=settings.pending_seconds + settings.kept_seconds)
    return (PurgeRule(table="flows", order="created_at", kept=kept),)
