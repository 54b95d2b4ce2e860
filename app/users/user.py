"""A user as the rest of the service sees one."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from app.users.errors import AttributeRefused, NameRefused

MAX_NAME_CHARACTERS = 200
MAX_ATTRIBUTE_CHARACTERS = 1024
MAX_ATTRIBUTES = 64
MAX_ATTRIBUTES_CHARACTERS = 16_384

AttributeValue = str | int | float | bool

# Attributes become claims of access tokens; none may stand in for what the service itself vouches for.
RESERVED_ATTRIBUTES = frozenset(
    {
        *("iss", "sub", "aud", "exp", "nbf", "iat", "jti", "typ", "client_id", "azp", "sid", "grant_id", "nonce"),
        *("scope", "scp", "roles", "groups", "permissions", "entitlements", "auth_time", "amr", "acr", "at_hash"),
        *("org_id", "act", "may_act", "cnf", "email", "email_verified", "name", "active", "events", "status"),
    }
)

# Controls, line breaks, and the marks that turn the direction of the text around them: they forge what a page shows.
_UNPRINTABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})
_DIRECTION_MARKS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class UserStatus(StrEnum):
    """Whether a user may act. An operator suspends, the user closes; both are refused alike."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    CLOSED = "closed"


class Entry(StrEnum):
    """The way a user came in."""

    SIGN_UP = "signup"
    OPERATOR = "operator"
    DEMO = "demo"
    IMPORT = "import"
    FEDERATION = "federation"


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A person. `id` is the row's and stays inside; `sub` is what tokens carry and is never reused.

    `credentials_version` tells a sign-in that began before a change of credentials from one that began after.
    `required_acr` is how well they must prove who they are, wherever they sign in. `locale` is a language tag, of the
    language in which mails are written.
    """

    id: UUID
    sub: str
    email: str
    email_verified_at: datetime | None
    name: str | None
    attributes: Mapping[str, AttributeValue]
    status: UserStatus
    credentials_version: int
    created_at: datetime
    required_acr: str | None = None
    locale: str | None = None

    @property
    def is_active(self) -> bool:
        """Whether the user is neither suspended nor has closed the account."""
        return self.status is UserStatus.ACTIVE

    @property
    def is_closed(self) -> bool:
        """Whether the user has closed the account, which is deleted before long."""
        return self.status is UserStatus.CLOSED

    @property
    def is_verified(self) -> bool:
        """Whether the address is proven to be the user's."""
        return self.email_verified_at is not None


def parse_name(raw: str | None) -> str | None:
    """A person's name in NFC without spaces around it; any script, 1 to 200 characters. Raises NameRefused."""
    if raw is None:
        return None
    # Measured before it is normalised, which costs more than its length.
    if len(raw) > MAX_NAME_CHARACTERS:
        raise NameRefused(f"A name has at most {MAX_NAME_CHARACTERS} characters.")
    name = unicodedata.normalize("NFC", raw).strip()
    if not name:
        raise NameRefused("A name has at least one character; leave it out if there is none.")
    if any(unicodedata.category(character) in _UNPRINTABLE or character in _DIRECTION_MARKS for character in name):
        raise NameRefused("A name holds no control characters and no line breaks.")
    return name


def check_attribute(name: str, value: AttributeValue | None) -> None:
    """Refuse an attribute that could not be a claim. `None` removes it. Raises AttributeRefused."""
    if not name.isascii() or not name.isidentifier() or not name[0].isalpha() or len(name) > 64:
        raise AttributeRefused("An attribute's name has up to 64 letters, digits and underscores, a letter first.")
    if name in RESERVED_ATTRIBUTES:
        raise AttributeRefused(f"'{name}' is a claim that the service itself vouches for; choose another name.")
    if isinstance(value, str) and (len(value) > MAX_ATTRIBUTE_CHARACTERS or not _is_storable(value)):
        raise AttributeRefused(f"An attribute's value is text of at most {MAX_ATTRIBUTE_CHARACTERS} characters.")
    # NaN differs from itself; JSON knows neither it nor the infinities.
    if isinstance(value, float) and (value != value or value in {float("inf"), float("-inf")}):  # noqa: PLR0124
        raise AttributeRefused("An attribute's number is finite.")


def check_attributes(attributes: Mapping[str, AttributeValue]) -> None:
    """Refuse more attributes than a user may have, by number and altogether by size. Raises AttributeRefused."""
    if len(attributes) > MAX_ATTRIBUTES:
        raise AttributeRefused(f"A user has at most {MAX_ATTRIBUTES} attributes.")
    if sum(len(name) + len(str(value)) for name, value in attributes.items()) > MAX_ATTRIBUTES_CHARACTERS:
        raise AttributeRefused(f"A user's attributes have at most {MAX_ATTRIBUTES_CHARACTERS} characters altogether.")


def _is_storable(text: str) -> bool:
    return not any(character == "\0" or unicodedata.category(character) == "Cs" for character in text)
