"""The parameter `claims`: which claims a client asks for one by one. Spec: OpenID Connect Core §5.5."""

from collections.abc import Mapping
from typing import Any

from app.protocols.jose.compact import MalformedToken, read_object

MAX_CHARACTERS = 4096
MAX_CLAIMS = 64


def read_claims(text: str) -> dict[str, Any] | None:
    """The two members that we know of a claims request that is well formed; None where it is not."""
    if len(text) > MAX_CHARACTERS:
        return None
    try:
        asked = read_object(text.encode())
    except (MalformedToken, UnicodeEncodeError):
        return None
    found: dict[str, Any] = {}
    for member in ("id_token", "userinfo"):
        wishes = asked.get(member)
        if wishes is None:
            continue
        if not isinstance(wishes, dict) or len(wishes) > MAX_CLAIMS:
            return None
        if not all(wish is None or isinstance(wish, dict) for wish in wishes.values()):
            return None
        found[member] = wishes
    return found


def wish_of(claims: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """What is asked of a claim in the ID token."""
    wish = claims.get("id_token", {}).get(name)
    if not isinstance(wish, dict) or not isinstance(wish.get("values", []), list):
        return {}
    return wish


def wanted_subject(claims: Mapping[str, Any]) -> str | None:
    """Whom the ID token must be about, if that is said."""
    value = wish_of(claims, "sub").get("value")
    return value if isinstance(value, str) else None
