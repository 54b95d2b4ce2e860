"""Which notices are past use."""

from collections.abc import Sequence
from datetime import timedelta

from app.foundation.purge import PurgeRule

KEPT = timedelta(days=7)


def rules() -> Sequence[PurgeRule]:
    """The rules. A notice outlives the day in which its session could be found run out again."""
    return (
        PurgeRule(table="logout_notices", kept=KEPT, condition="state IN ('delivered', 'dead')", order="created_at"),
    )
