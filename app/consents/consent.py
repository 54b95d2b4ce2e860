"""A consent, and whether it covers what is asked."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from app.protocols.oidc.scopes import IDENTITY_SCOPES


def allowance(scopes: Collection[str], audience: str) -> frozenset[str]:
    """Scopes as a consent keeps them: an audience's own under its name, as equal names at two mean two things."""
    return frozenset(scope if scope in IDENTITY_SCOPES else f"{audience} {scope}" for scope in scopes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """What a user allows a client: scopes as `allowance` has them, and names of claims that were asked for alone."""

    client_id: str
    scopes: frozenset[str]
    claims: frozenset[str]
    granted_at: datetime
    updated_at: datetime

    @property
    def of_the_person(self) -> list[str]:
        """The scopes that speak of the user, wherever."""
        return sorted(scope for scope in self.scopes if " " not in scope)

    @property
    def at_audiences(self) -> dict[str, list[str]]:
        """The scopes of each audience, by its name."""
        found: dict[str, list[str]] = {}
        for audience, separator, scope in (each.partition(" ") for each in sorted(self.scopes)):
            if separator:
                found.setdefault(audience, []).append(scope)
        return found

    def covers(self, scopes: Collection[str], claims: Collection[str]) -> bool:
        """Whether nothing is asked that was not allowed already."""
        return self.scopes.issuperset(scopes) and self.claims.issuperset(claims)
