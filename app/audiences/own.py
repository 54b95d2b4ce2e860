"""This service itself as an audience, and its UserInfo endpoint: their stored names, and the scopes of the first."""

from collections.abc import Mapping
from types import MappingProxyType

SELF = "self"
"""The stored name of this service; its tokens name the issuer instead."""

USERINFO = ":userinfo"
"""The stored name of the UserInfo endpoint as an audience, which no registered one can have."""

USERINFO_PATH = "/oauth/userinfo"
"""Where it is. Its tokens name its address and open nothing else. Spec: OpenID Connect Core §5.3."""

ADMIN_NOUNS = (
    "users",
    "roles",
    "permissions",
    "groups",
    "audiences",
    "oauth-clients",
    "api-keys",
    "signing-keys",
    "audit-logs",
    "webhooks",
    "identity-providers",
    "flows",
    "stats",
)

ADMIN_SCOPES = (
    *(f"admin:{noun}:{verb}" for noun in ADMIN_NOUNS for verb in ("read", "write")),
    "admin:users:impersonate",
    "admin:password-hashes:read",
)
"""What administrators may be allowed. Each scope needs the permission of the same name at `SELF`."""

OWN_SCOPES: Mapping[str, str] = MappingProxyType({scope: scope for scope in ADMIN_SCOPES})
