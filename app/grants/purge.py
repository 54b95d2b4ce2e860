"""Which grants and refresh tokens are past use."""

from datetime import timedelta

import asyncpg

from app.foundation.purge import PartitionRule, PurgeRule

GRANTS_KEPT = timedelta(days=1)
CODES_KEPT = timedelta(days=1)
_DEFAULT = "refresh_tokens_pdefault"
# A spent token that comes back betrays a theft for as long as its grant lives.
_IN_USE = "EXISTS (SELECT FROM grants g WHERE g.id = grant_row_id AND g.expires_at > {now})"


def rules(*, absolute: timedelta) -> tuple[PurgeRule, ...]:
    """The rules for rows, where no session lives longer than `absolute`, and no grant longer than its session."""
    kept = absolute + GRANTS_KEPT
    return (
        # What came while a month had no partition.
        PurgeRule(table=_DEFAULT, kept=kept, condition=f"expires_at < {{now}} AND NOT {_IN_USE}"),
        # A spent one that comes back within the day still ends its grant.
        PurgeRule(table="authorization_codes", order="expires_at", kept=CODES_KEPT),
        PurgeRule(table="grants", kept=kept, condition="expires_at < {now}"),
    )


def partitions(*, absolute: timedelta) -> tuple[PartitionRule, ...]:
    """Refresh tokens go a month at a time: a row of theirs is never looked for to be removed."""
    return (PartitionRule(table="refresh_tokens", kept=absolute + GRANTS_KEPT, prepare=_is_past_use),)


async def _is_past_use(connection: "asyncpg.Connection", partition: str) -> bool:
    """Whether no grant lives on in a partition: settings that were shortened leave older grants their time."""
    in_use = _IN_USE.format(now="now()")
    found = await connection.fetchval(f"SELECT EXISTS (SELECT FROM {partition} WHERE {in_use})")  # noqa: S608 — names from the catalogue
    return not found
