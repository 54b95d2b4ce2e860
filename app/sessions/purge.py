"""Which sessions are past use."""

from datetime import timedelta

from app.foundation.purge import PurgeRule

# Owners find their ended sessions in the list and the export until then.
SESSIONS_KEPT = timedelta(days=1)


def rules(*, absolute: timedelta) -> tuple[PurgeRule, ...]:
    """The rules, where no session lives longer than `absolute`: one that began so long ago has ended.

    Walked by age, so that a sign-in need not keep an index of ends. Where `absolute` was longer once, the condition
    keeps what still lives.
    """
    return (PurgeRule(table="sessions", kept=absolute + SESSIONS_KEPT, condition="expires_at < {now}"),)
