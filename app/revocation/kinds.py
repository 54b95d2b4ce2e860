"""What can be revoked, and which tokens that is."""

import math
from datetime import UTC, datetime, timedelta
from enum import StrEnum


class RevocationKind(StrEnum):
    """What a revocation names. The first five match always; the others match what was issued before the moment."""

    SID = "sid"
    JTI = "jti"
    GRANT_ID = "grant_id"
    KID = "kid"
    API_KEY = "api_key"
    SUB = "sub"
    CLIENT_ID = "client_id"
    AUD = "aud"

    @property
    def matches_earlier(self) -> bool:
        """Whether it matches only what was issued before its moment, so that what is issued after it counts."""
        return self in _EARLIER


_EARLIER = frozenset({RevocationKind.SUB, RevocationKind.CLIENT_ID, RevocationKind.AUD})

LONGEST_TOKEN = timedelta(hours=1)
"""No access token lives longer, whatever its audience sets."""

# How much longer than the last token a revocation is kept: a verifier's clock may be behind.
MARGIN = timedelta(seconds=60)


def effective_at(kind: RevocationKind, now: datetime) -> datetime:
    """The moment that a revocation made now bears.

    Tokens tell their time of issue in whole seconds. Where the time decides, the moment is the next whole second, so
    that it stands after every token that was issued before it.
    """
    if not kind.matches_earlier:
        return now
    return datetime.fromtimestamp(math.floor(now.timestamp()) + 1, UTC)
