"""What a client is told of a person: by scope, by name, and by its own mappings.

Spec: OpenID Connect Core §5.1, §5.4, §5.5.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from app.protocols.oidc.scopes import USER_CLAIMS, claims_of

# Attributes of the user's that are claims of the standard under the same name.
_ATTRIBUTES = frozenset(
    {
        *("family_name", "given_name", "middle_name", "nickname", "preferred_username", "profile", "picture"),
        *("website", "gender", "birthdate", "zoneinfo", "phone_number"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A user, and the roles that they hold at the token's audience."""

    sub: str
    email: str
    email_verified: bool
    name: str | None = None
    locale: str | None = None
    updated_at: datetime | None = None
    attributes: Mapping[str, object] = field(default_factory=dict)
    groups: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()

    def claim(self, name: str) -> object:
        """The value of a claim of the standard's, or None where there is none."""
        match name:
            case "sub" | "email" | "email_verified" | "name" | "locale":
                return getattr(self, name)
            case "updated_at":
                return None if self.updated_at is None else int(self.updated_at.timestamp())
            case "groups" | "roles":
                return list(getattr(self, name))
            case "address":
                formatted = self.attributes.get("address")
                return {"formatted": formatted} if isinstance(formatted, str) else None
            case _:
                return self.attributes.get(name) if name in _ATTRIBUTES else None


def userinfo_claims(person: Person, scopes: Collection[str], asked: Mapping[str, object]) -> dict[str, object]:
    """What UserInfo answers: what the scopes open and what was asked for by name. `sub` is always there."""
    names = claims_of(scopes) | (USER_CLAIMS & asked.keys())
    return {"sub": person.sub} | _told(person, names)


def asked_claims(person: Person, asked: Mapping[str, object]) -> dict[str, object]:
    """What was asked for by name for the ID token. Spec: OpenID Connect Core §5.5."""
    return _told(person, USER_CLAIMS & asked.keys())


def _told(person: Person, names: Collection[str]) -> dict[str, object]:
    found = ((name, person.claim(name)) for name in sorted(names))
    return {name: value for name, value in found if value is not None}
