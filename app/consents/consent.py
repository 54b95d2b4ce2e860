"""A consent, and whether it covers what is asked."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """What a user allows a client: scopes, and the names of claims that were asked for one by one."""

    client_id: str
    scopes: frozenset[str]
    claims: frozenset[str]
    granted_at: datetime
    updated_at: datetime

    def covers(self, scopes: Collection[str], claims: Collection[str]) -> bool:
        """Whether nothing is asked that was not allowed already."""
        return self.scopes.issuperset(scopes) and self.claims.issuperset(claims)
