"""Which scopes a token carries: pure rules. Spec: RFC 6749 §3.3."""

import re
from collections.abc import Collection, Mapping

from app.grants.errors import InvalidScope
from app.protocols.oidc.scopes import IDENTITY_SCOPES

MAX_SCOPES = 64
MAX_SCOPE_CHARACTERS = 64
_SCOPE_TOKEN = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,64}")


def parse_scope(scope: str | None) -> tuple[str, ...] | None:
    """The scopes asked for, in their order and each once; None where none was asked.

    A parameter without a value counts as left out. Raises InvalidScope when malformed or too long.
    """
    if not scope:
        return None
    if len(scope) > MAX_SCOPES * (MAX_SCOPE_CHARACTERS + 1):
        raise InvalidScope(f"At most {MAX_SCOPES} scopes can be asked for at once.")
    names = tuple(dict.fromkeys(scope.split(" ")))
    if len(names) > MAX_SCOPES:
        raise InvalidScope(f"At most {MAX_SCOPES} scopes can be asked for at once.")
    if not all(_SCOPE_TOKEN.fullmatch(name) for name in names):
        raise InvalidScope(
            "Scopes are separated by single spaces; each has at most 64 printable ASCII characters, "
            "without quotation mark and backslash."
        )
    return names


def require_known(requested: Collection[str] | None, known: Collection[str]) -> None:
    """Refuse a scope that the audience does not have. Raises InvalidScope."""
    if requested is not None and not set(requested) <= set(known):
        raise InvalidScope("The audience has no scope of that name.")


def granted_scopes(
    requested: Collection[str] | None, needed_permissions: Mapping[str, str | None], held: Collection[str]
) -> tuple[str, ...]:
    """The audience's scopes that the subject holds, narrowed to those asked for; in alphabetical order.

    `needed_permissions` maps each scope of the audience to the permission it needs, if any; `held` are the
    subject's permissions there. A scope that is not held is left out, as RFC 6749 §3.3 allows.
    """
    open_to_subject = {scope for scope, needed in needed_permissions.items() if needed is None or needed in held}
    if requested is not None:
        open_to_subject &= set(requested)
    return tuple(sorted(open_to_subject))


def delegated(
    requested: Collection[str],
    granted: Collection[str],
    *,
    needed_permissions: Mapping[str, str | None],
    roles: tuple[str, ...],
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Scopes, roles and permissions in a user's token for a client that is not ours.

    `granted` are the audience's scopes that were allowed and that the user holds. The scopes of the person join them.
    The token allows no more than what was allowed: the permissions that those scopes stand for, and the user's roles
    only where the client asked for `roles`. Otherwise who allowed to read would have allowed all that they may do.
    """
    scopes = tuple(sorted({*granted, *(name for name in requested if name in IDENTITY_SCOPES)}))
    needed = {needed_permissions.get(name) for name in granted}
    permissions = tuple(sorted(name for name in needed if name is not None))
    return scopes, roles if "roles" in requested else (), permissions
