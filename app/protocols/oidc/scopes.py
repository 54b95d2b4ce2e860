"""The scopes that speak of the person, and the claims that each of them opens. Spec: OpenID Connect Core §5.4."""

from collections.abc import Collection, Mapping
from types import MappingProxyType

OPENID = "openid"
OFFLINE_ACCESS = "offline_access"

CLAIMS_OF_SCOPE: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        OPENID: ("sub",),
        "profile": (
            *("name", "family_name", "given_name", "middle_name", "nickname", "preferred_username", "profile"),
            *("picture", "website", "gender", "birthdate", "zoneinfo", "locale", "updated_at"),
        ),
        "email": ("email", "email_verified"),
        "phone": ("phone_number",),
        "address": ("address",),
        "groups": ("groups",),
        "roles": ("roles",),
    }
)
"""`phone_number_verified` is left out: nothing here verifies a number. `groups` and `roles` are ours."""

IDENTITY_SCOPES = (*CLAIMS_OF_SCOPE, OFFLINE_ACCESS)
"""What a client may ask for besides the scopes of an audience: of the person, at any of them."""

USER_CLAIMS = frozenset(claim for claims in CLAIMS_OF_SCOPE.values() for claim in claims)
"""Every claim about a person that can be asked for by name. Spec: OpenID Connect Core §5.5."""


def claims_of(scopes: Collection[str]) -> frozenset[str]:
    """The claims that these scopes open."""
    return frozenset(claim for scope in scopes for claim in CLAIMS_OF_SCOPE.get(scope, ()))
