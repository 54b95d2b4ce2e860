"""Tokens as the providers write them, so that a test of an application needs none of them.

What an Identity holds is put where the issuer's preset, or its own ClaimPaths, would read it; beside it stands what
tells the provider's access tokens from its other ones. The sources of each shape are named in `presets`.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from auth_service_sdk.issuers import OIDCIssuer
from auth_service_sdk.presets import Preset, each_path

_ORGANIZATION = "org-1"
_NO_TYPE = frozenset({Preset.OKTA, Preset.COGNITO})
_WITH_SESSION = frozenset({Preset.KEYCLOAK, Preset.AUTHENTIK, Preset.GENERIC})
_WITH_AUTH_TIME = frozenset({Preset.KEYCLOAK, Preset.OKTA, Preset.COGNITO, Preset.AUTHENTIK, Preset.GENERIC})


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who a token is about. `auth_time` is None where the test did not say it."""

    sub: str
    client_id: str | None
    now: int
    lifetime: int
    roles: Sequence[str] = ()
    scopes: Sequence[str] = ()
    permissions: Sequence[str] = ()
    email: str | None = None
    auth_time: int | None = None

    @property
    def is_service(self) -> bool:
        """Whether it is a client's own token."""
        return self.client_id == self.sub


def shaped(issuer: OIDCIssuer, person: Person, audience: str | Sequence[str] | None) -> dict[str, Any]:
    """Return the claims that this issuer would write. Raises ValueError for what its tokens cannot say."""
    aud = _names(audience) or sorted(issuer.audiences)[:1]
    client = person.client_id or (aud[0] if issuer.preset in (Preset.COGNITO, Preset.GOOGLE) else "web")
    claims: dict[str, Any] = {
        "iss": issuer.url,
        "sub": person.sub,
        "aud": aud[0] if len(aud) == 1 else aud,
        "iat": person.now,
        "exp": person.now + person.lifetime,
        "jti": uuid.uuid4().hex,
    }
    if not person.is_service:
        if issuer.preset in _WITH_SESSION:
            claims["sid"] = uuid.uuid4().hex
        if issuer.preset in _WITH_AUTH_TIME or person.auth_time is not None:
            claims["auth_time"] = person.now if person.auth_time is None else person.auth_time
    claims |= _marks(issuer, person, client, aud)
    if issuer.profile.audience != "aud":
        del claims["aud"]
    _put(claims, issuer, "client_id", client)
    _put(claims, issuer, "roles", _roles(issuer, person))
    _put(claims, issuer, "scopes", _scopes(issuer, person))
    _put(claims, issuer, "permissions", list(person.permissions))
    if person.email is not None:
        _put(claims, issuer, "email", person.email)
        claims["email_verified"] = True
    return claims


def header_type(issuer: OIDCIssuer) -> str | None:
    """Return the `typ` of the header of its access tokens; None for a header without."""
    if issuer.preset in _NO_TYPE:
        return None
    return "at+jwt" if issuer.preset == Preset.GENERIC else "JWT"


def _marks(issuer: OIDCIssuer, person: Person, client: str, aud: list[str]) -> dict[str, Any]:
    """What stands in this provider's access tokens beside that, and says that they are none of its other ones."""
    marks: dict[Preset | str, dict[str, Any]] = {
        Preset.KEYCLOAK: {"typ": "Bearer", "acr": "1", "aud": [*aud, "account"]},
        Preset.AUTH0: {"aud": [*aud, f"{issuer.url}userinfo"]},
        Preset.OKTA: {"ver": 1, "uid": person.sub},
        Preset.COGNITO: {"token_use": "access", "version": 2, "username": person.sub, "event_id": uuid.uuid4().hex},
        Preset.ENTRA: {"tid": issuer.tenant, "oid": person.sub, "ver": "2.0"},
        Preset.GOOGLE: {"at_hash": uuid.uuid4().hex[:22]},
        Preset.ZITADEL: {"aud": [*aud, client], "nbf": person.now},
        Preset.AUTHENTIK: {"uid": uuid.uuid4().hex, "acr": "goauthentik.io/providers/oauth2/default"},
    }
    of_clients: dict[Preset | str, dict[str, Any]] = {
        Preset.KEYCLOAK: {"client_id": client, "preferred_username": f"service-account-{client}".lower()},
        Preset.AUTH0: {"gty": "client-credentials"},
        Preset.ENTRA: {"idtyp": "app"},
    }
    own = of_clients.get(issuer.preset, {}) if person.is_service else {}
    return marks.get(issuer.preset, {}) | own


def _roles(issuer: OIDCIssuer, person: Person) -> Any:
    own = issuer.claims is not None and issuer.claims.roles is not None
    if issuer.preset == Preset.ZITADEL and not own:
        return {role: {_ORGANIZATION: "org.example"} for role in person.roles}
    return list(person.roles)


def _scopes(issuer: OIDCIssuer, person: Person) -> Any:
    return list(person.scopes) if issuer.preset == Preset.OKTA else " ".join(person.scopes)


def _put(claims: dict[str, Any], issuer: OIDCIssuer, name: str, value: Any) -> None:
    if not value:
        return
    paths = each_path(getattr(issuer.paths, name), issuer.clients)
    if not paths:
        raise ValueError(f"a token of the preset {issuer.preset} says no {name}; ClaimPaths({name}=…) names a claim")
    *way, last = paths[0]
    place = claims
    for step in way:
        place = place.setdefault(step, {})
    place[last] = value


def _names(given: str | Sequence[str] | None) -> list[str]:
    return [given] if isinstance(given, str) else list(given or ())
