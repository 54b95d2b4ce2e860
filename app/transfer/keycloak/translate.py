"""Keycloak's words in ours: plain rules, without a database."""

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from app.foundation.secrets import random_bytes
from app.roles.rules import ADMIN, is_role_name
from app.transfer.keycloak.composites import Composites, Held, held_directly
from app.transfer.keycloak.report import Report
from app.users.errors import AttributeRefused
from app.users.user import check_attribute

# What every realm brings along for Keycloak itself.
OWN_CLIENTS = frozenset(
    {"account", "account-console", "admin-cli", "broker", "realm-management", "security-admin-console"}
)
_OWN_ROLES = frozenset({"offline_access", "uma_authorization"})
_PBKDF2 = {"pbkdf2": "sha1", "pbkdf2-sha1": "sha1", "pbkdf2-sha256": "sha256", "pbkdf2-sha512": "sha512"}
_OWN_PASSES = 210_000
RENAMED_ADMIN = "realm-admin"
NO_COMPOSITES = Composites()


def realm_role(name: str) -> str | None:
    """What a role of a realm is called here; None for those of Keycloak itself.

    `admin` gives every right over this service, which nobody gets by an import: it is renamed.
    """
    if name in _OWN_ROLES or name.startswith("default-roles-"):
        return None
    return RENAMED_ADMIN if name == ADMIN else name


def group_name(path: str) -> str:
    """The name of a group: its path, because nested groups are single ones here."""
    return path.strip("/")


def groups(tree: Any, *, above: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every group below, by its path, those above first."""
    for group in tree or ():
        path = f"{above}/{group.get('name', '')}"
        yield group_name(path), group
        yield from groups(group.get("subGroups"), above=path)


def user_line(
    user: Mapping[str, Any], report: Report, composites: Composites = NO_COMPOSITES
) -> dict[str, object] | None:
    """A user as a line of an import; None for one that cannot come along. What stays behind goes into the report."""
    name = str(user.get("username") or user.get("id") or "?")
    if user.get("serviceAccountClientId"):
        report.lose("service account", name, "its client gets tokens by client_credentials, as itself")
        return None
    email = user.get("email") or (name if "@" in name else None)
    if not email:
        report.lose("user", name, "without an e-mail address")
        return None
    attributes, locale = _attributes(user, name, report)
    line: dict[str, object] = {
        "sub": user.get("id"),
        "email": email,
        "email_verified": bool(user.get("emailVerified")) and bool(user.get("email")),
        "name": " ".join(part for part in (user.get("firstName"), user.get("lastName")) if part) or None,
        "locale": locale,
        "status": "active" if user.get("enabled", True) else "suspended",
        "attributes": attributes,
        "password_hash": _password(user, name, report),
        "roles": [*_roles(user, name, composites, report)],
        "groups": [group_name(path) for path in user.get("groups") or ()],
    }
    if isinstance(created := user.get("createdTimestamp"), int):
        line["created_at"] = datetime.fromtimestamp(created / 1000, UTC).isoformat()
    for action in user.get("requiredActions") or ():
        if action in {"CONFIGURE_TOTP", "webauthn-register"}:
            line["required_acr"] = "aal2"
        else:
            report.lose("required action", name, str(action))
    for identity in user.get("federatedIdentities") or ():
        report.lose("federated identity", name, f"of {identity.get('identityProvider')}: sign in there once to link it")
    return {key: value for key, value in line.items() if value is not None}


def roles_here(held: Iterable[Held]) -> Iterator[Held]:
    """Roles as they are called here, each with its audience; those of Keycloak itself are left out."""
    for client, role in held:
        here = realm_role(role) if client is None else role
        if client not in OWN_CLIENTS and here is not None and is_role_name(here):
            yield client, here


def _roles(user: Mapping[str, Any], name: str, composites: Composites, report: Report) -> Iterator[dict[str, object]]:
    held = [*composites.held(held_directly(user))]
    for client, role in held:
        if client == "realm-management":
            report.lose("right over Keycloak", name, f"{role}: give admin scopes here yourself")
    for audience, role in roles_here(held):
        yield {"role": role} if audience is None else {"role": role, "audience": audience}


def _attributes(user: Mapping[str, Any], name: str, report: Report) -> tuple[dict[str, str], str | None]:
    found: dict[str, str] = {}
    locale = None
    if user.get("username") and user["username"] != user.get("email"):
        found["username"] = str(user["username"])
    for attribute, values in (user.get("attributes") or {}).items():
        single = values[0] if isinstance(values, list) and len(values) == 1 else values
        if not isinstance(single, str):
            report.lose("attribute", f"{name}: {attribute}", "it has several values")
            continue
        if attribute == "locale":
            locale = single if single.replace("-", "").isalnum() and single.isascii() else None
            continue
        try:
            check_attribute(attribute, single)
        except AttributeRefused as error:
            report.lose("attribute", f"{name}: {attribute}", error.description or error.title)
        else:
            found[attribute] = single
    return found, locale


def _password(user: Mapping[str, Any], name: str, report: Report) -> str | None:
    found = None
    for credential in user.get("credentials") or ():
        kind = credential.get("type")
        if kind != "password":
            report.lose("credential", name, f"{kind}: enrol it again")
            continue
        if credential.get("temporary"):
            report.lose("password", name, "it is temporary there; here nobody is asked to change it")
        found = _hash(credential)
        if found is None:
            report.lose("password", name, "its hash is of a kind that is not known here: reset it by mail")
    return found


def _hashed_here(raw_password: str) -> str:
    salt = random_bytes(16)
    digest = hashlib.pbkdf2_hmac("sha512", raw_password.encode(), salt, _OWN_PASSES)
    written = (base64.b64encode(part).decode().rstrip("=") for part in (salt, digest))
    return "$".join(("", "pbkdf2-sha512", f"i={_OWN_PASSES}", *written))


def _hash(credential: Mapping[str, Any]) -> str | None:
    """Keycloak's hash in the form of a PHC string; None for what we cannot read.

    A realm that was written by hand has the password itself: it is hashed as Keycloak does.
    """
    try:
        if "value" in credential and "secretData" not in credential:
            return _hashed_here(credential["value"])
        how, secret = credential.get("credentialData"), credential.get("secretData")
        data = json.loads(how) if isinstance(how, str) else dict(how or credential)
        kept = json.loads(secret) if isinstance(secret, str) else dict(secret or {})
        value = (kept.get("value") or credential["hashedSaltedValue"]).rstrip("=")
        salt = (kept.get("salt") or credential["salt"]).rstrip("=")
        algorithm, passes = data["algorithm"], int(data["hashIterations"])
        if algorithm in _PBKDF2:
            return f"$pbkdf2-{_PBKDF2[algorithm]}$i={passes}${salt}${value}"
        if algorithm == "argon2":
            more = {key: values[0] for key, values in data["additionalParameters"].items()}
            memory, lanes = int(more["memory"]), int(more["parallelism"])
            if more.get("version", "1.3") == "1.3":
                return f"$argon2{more['type']}$v=19$m={memory},t={passes},p={lanes}${salt}${value}"
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        pass
    return None
