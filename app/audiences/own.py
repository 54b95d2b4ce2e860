"""This service itself as an audience: its stored name and its scopes."""

from collections.abc import Mapping
from types import MappingProxyType

SELF = "self"
"""The stored name of this service; its tokens name the issuer instead."""

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
