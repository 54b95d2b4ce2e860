"""Reading the registry for one audience."""

from datetime import datetime

from sqlalchemy import text

from app.foundation.db import Transaction
from app.revocation.follow import Revoked
from app.revocation.kinds import RevocationKind

# By number, so that a part of a snapshot is one walk along an index.
_READ = text(
    """
    SELECT seq, kind, target, audience, at, expires_at FROM revocations
    WHERE seq > :after AND seq <= :upto AND expires_at > :now AND (audience IS NULL OR audience = :audience)
    ORDER BY seq LIMIT :limit
    """
)
_COUNT = text(
    """
    SELECT count(*) FROM revocations
    WHERE seq > :after AND seq <= :upto AND expires_at > :now AND (audience IS NULL OR audience = :audience)
    """
)


async def read(tx: Transaction, audience: str, *, after: int, upto: int, now: datetime, limit: int) -> list[Revoked]:
    """What still matters to an audience between two numbers, in order, so many at most."""
    values = {"after": after, "upto": upto, "now": now, "audience": audience, "limit": limit}
    return [
        Revoked(
            seq=row.seq,
            kind=RevocationKind(row.kind),
            target=row.target,
            audience=row.audience,
            at=row.at,
            expires_at=row.expires_at,
        )
        for row in await tx.execute(_READ, values)
    ]


async def count(tx: Transaction, audience: str, *, after: int, upto: int, now: datetime) -> int:
    """How many those are."""
    values = {"after": after, "upto": upto, "now": now, "audience": audience}
    return int(await tx.scalar(_COUNT, values) or 0)
