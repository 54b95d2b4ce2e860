"""What providers call roles, scopes and clients: pure functions from the claims of a foreign token to an Identity.

Each profile names where its provider says how its tokens look.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from auth_service_sdk.errors import InvalidToken
from auth_service_sdk.gate import shown
from auth_service_sdk.identity import Identity, IdentityKind, freeze

ClaimPath = str | tuple[str, ...]
"""One claim by its whole name (`"https://example.com/roles"`), or the way to it (`("realm_access", "roles")`)."""
Paths = ClaimPath | list[ClaimPath]


class Preset(StrEnum):
    """The providers whose tokens are known by name. Closed: any other one is `generic`, with ClaimPaths."""

    KEYCLOAK = "keycloak"
    AUTH0 = "auth0"
    OKTA = "okta"
    COGNITO = "cognito"
    ENTRA = "entra"
    GOOGLE = "google"
    ZITADEL = "zitadel"
    AUTHENTIK = "authentik"
    GENERIC = "generic"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimPaths:
    """Where an issuer writes what an Identity holds. What is None is read where the preset says.

    A list joins several claims. In a path, `{client}` stands for each client (or project) whose roles count.
    """

    roles: Paths | None = None
    scopes: Paths | None = None
    permissions: Paths | None = None
    client_id: Paths | None = None
    org_id: Paths | None = None
    email: Paths | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """How one provider's access tokens look.

    `types` are the accepted values of the header `typ`, None for a header without one. An access token of type JWT
    has one of the claims `marks`, which an ID token has not, and none of `foes`. `says` must be so in every token.
    """

    paths: ClaimPaths
    types: frozenset[str | None] = frozenset({"JWT", "at+jwt", "application/at+jwt"})
    audience: str = "aud"
    marks: tuple[str, ...] = ()
    foes: tuple[str, ...] = ("nonce", "at_hash", "c_hash", "s_hash")
    says: tuple[tuple[str, str], ...] = ()
    is_service: Callable[[Mapping[str, Any]], bool] = lambda claims: claims.get("client_id") == claims["sub"]


_UNTYPED: frozenset[str | None] = frozenset({None, "JWT", "at+jwt", "application/at+jwt"})
_HASHES = ("at_hash", "c_hash", "s_hash")

PROFILES: dict[Preset, Profile] = {
    # `TokenUtil` and `AccessToken` in Keycloak's source; the header is JWT, or at+jwt where a client asks for it.
    Preset.KEYCLOAK: Profile(
        paths=ClaimPaths(
            roles=[("realm_access", "roles"), ("resource_access", "{client}", "roles")],
            scopes="scope",
            client_id="azp",
            email="email",
        ),
        # Its ID and refresh tokens say so in the claim `typ`; until version 24 access tokens had a nonce.
        says=(("typ", "Bearer"),),
        foes=_HASHES,
        is_service=lambda claims: (
            "client_id" in claims
            and claims.get("client_id") == claims.get("azp")
            and claims.get("preferred_username") == f"service-account-{claims['client_id']}".lower()
        ),
    ),
    # auth0.com/docs/secure/tokens/access-tokens/access-token-profiles: `azp` in one profile, `client_id` in the other.
    Preset.AUTH0: Profile(
        paths=ClaimPaths(
            scopes="scope", permissions="permissions", client_id=["azp", "client_id"], org_id="org_id", email="email"
        ),
        marks=("scope", "permissions", "gty", "azp", "client_id"),
        is_service=lambda claims: claims.get("gty") == "client-credentials",
    ),
    # developer.okta.com/docs/api/openapi/okta-oauth/guides/overview: the header has `kid` and `alg` alone.
    Preset.OKTA: Profile(
        paths=ClaimPaths(roles="groups", scopes="scp", client_id="cid", email="email"),
        types=_UNTYPED,
        marks=("cid",),
        is_service=lambda claims: claims.get("cid") == claims["sub"],
    ),
    # docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-access-token.html: no
    # `aud`, no `typ`, and groups alike in ID tokens, which `token_use` tells apart.
    Preset.COGNITO: Profile(
        paths=ClaimPaths(roles="cognito:groups", scopes="scope", client_id="client_id"),
        types=_UNTYPED,
        audience="client_id",
        says=(("token_use", "access"),),
    ),
    # learn.microsoft.com/entra/identity-platform/access-token-claims-reference: `typ` is always JWT, `x5t` is in
    # version 1; `idtyp` is optional.
    Preset.ENTRA: Profile(
        # No address: anybody who administers a tenant may write any address into its tokens.
        paths=ClaimPaths(roles="roles", scopes="scp", client_id=["azp", "appid"], org_id="tid"),
        marks=("azp", "appid"),
        is_service=lambda claims: (
            claims.get("idtyp") == "app" or ("scp" not in claims and claims.get("oid") == claims["sub"])
        ),
    ),
    # developers.google.com/identity/openid-connect/openid-connect: `iss` has two spellings.
    Preset.GOOGLE: Profile(
        paths=ClaimPaths(client_id=["azp", "aud"], org_id="hd", email="email"),
        types=frozenset({"JWT"}),
        foes=(),
        is_service=lambda _claims: False,
    ),
    # zitadel.com/docs/apis/openidoauth/claims: ID tokens have no `jti`.
    Preset.ZITADEL: Profile(
        # Not `urn:zitadel:iam:org:project:roles`: those are of the project of whichever client asked.
        paths=ClaimPaths(
            roles=("urn:zitadel:iam:org:project:{client}:roles",),
            scopes="scope",
            client_id=["client_id", "azp"],
            org_id="urn:zitadel:iam:user:resourceowner:id",
            email="email",
        ),
        types=_UNTYPED,
        marks=("jti",),
    ),
    Preset.AUTHENTIK: Profile(
        # `IDToken.to_access_token` in authentik's source: an ID token with `azp` and `uid`; the rest stands in both.
        paths=ClaimPaths(roles="groups", scopes="scope", client_id="azp", email="email"),
        marks=("uid",),
        foes=(),
    ),
    Preset.GENERIC: Profile(
        paths=ClaimPaths(
            roles="roles",
            scopes="scope",
            permissions="permissions",
            client_id=["client_id", "azp"],
            org_id="org_id",
            email="email",
        ),
        marks=("scope", "scp", "client_id", "cid"),
    ),
}


def merged(preset: ClaimPaths, own: ClaimPaths | None) -> ClaimPaths:
    """Return the paths of a preset, with a developer's own in place of those he gives."""
    if own is None:
        return preset
    names = ("roles", "scopes", "permissions", "client_id", "org_id", "email")
    return replace(preset, **{name: value for name in names if (value := getattr(own, name)) is not None})


def check_kind(claims: Mapping[str, Any], profile: Profile, *, is_typed: bool = False) -> None:
    """Refuse what is no access token of this provider: ID, refresh and logout tokens. Raises InvalidToken.

    `is_typed`: something else than the claims says that it is an access token (the header's at+jwt, an introspection).
    """
    for name, wanted in profile.says:
        if claims.get(name) != wanted and not (is_typed and name not in claims):
            raise InvalidToken(f"expected the claim {name} to be {wanted}, token has {shown(claims.get(name))}")
    if "events" in claims:
        raise InvalidToken("expected an access token, this is a logout token or another event")
    if is_typed:
        return
    if profile.marks and not any(name in claims for name in profile.marks):
        raise InvalidToken(f"expected an access token, which has {' or '.join(profile.marks)}; is this an id_token?")
    for name in profile.foes:
        if name in claims:
            raise InvalidToken(f"expected an access token, this is an id_token: it has {name}")


def to_identity(
    claims: Mapping[str, Any], profile: Profile, paths: ClaimPaths, clients: tuple[str, ...] = ()
) -> Identity:
    """Read checked claims. What a path leads to has the right shape or the token is refused; nothing there is nothing.

    Raises InvalidToken. An address that the provider has not verified is left out.
    """
    return Identity(
        sub=claims["sub"],
        kind=IdentityKind.SERVICE if profile.is_service(claims) else IdentityKind.USER,
        email=_email(claims, paths.email),
        roles=_names(claims, paths.roles, clients),
        scopes=_scopes(claims, paths.scopes, clients),
        permissions=_names(claims, paths.permissions, clients),
        sid=_text(claims, "sid"),
        client_id=_text(claims, paths.client_id),
        org_id=_text(claims, paths.org_id),
        auth_time=_seconds(claims, "auth_time"),
        acr=_text(claims, "acr"),
        amr=_names(claims, "amr", ()),
        actor=_text(claims, ("act", "sub")),
        claims=freeze(claims),
    )


def each_path(paths: Paths | None, clients: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Return the ways that paths lead, step by step, with each client in place of `{client}`."""
    found: list[tuple[str, ...]] = []
    for path in paths if isinstance(paths, list) else [] if paths is None else [paths]:
        names = (path,) if isinstance(path, str) else path
        if any("{client}" in name for name in names):
            found += [tuple(name.replace("{client}", client) for name in names) for client in clients]
        else:
            found.append(names)
    return found


def _at(claims: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    value: Any = claims
    for name in names:
        if value is None:
            return None
        if not isinstance(value, Mapping):
            raise InvalidToken(f"expected {'.'.join(names)} to lie in objects, token has {shown(value)}")
        value = value.get(name)
    return value


def _names(claims: Mapping[str, Any], paths: Paths | None, clients: tuple[str, ...]) -> tuple[str, ...]:
    """Names in a list, the members of an object (Zitadel's roles), or one name alone; each once, in order."""
    found: dict[str, None] = {}
    for names in each_path(paths, clients):
        value = _at(claims, names)
        items: Any = [] if value is None else [value] if isinstance(value, str) else value
        if not isinstance(items, list | tuple | Mapping) or not all(isinstance(item, str) for item in items):
            raise InvalidToken(f"expected {'.'.join(names)} to be a list of strings, token has {shown(value)}")
        found |= dict.fromkeys(items)
    return tuple(found)


def _scopes(claims: Mapping[str, Any], paths: Paths | None, clients: tuple[str, ...]) -> tuple[str, ...]:
    """Scopes in a list (Okta) or in one string with spaces (RFC 9068 §2.2.3)."""
    return tuple(dict.fromkeys(" ".join(_names(claims, paths, clients)).split()))


def _text(claims: Mapping[str, Any], paths: Paths | None) -> str | None:
    for names in each_path(paths):
        value = _at(claims, names)
        if value is not None:
            if not isinstance(value, str):
                raise InvalidToken(f"expected {'.'.join(names)} to be a string, token has {shown(value)}")
            return value
    return None


def _seconds(claims: Mapping[str, Any], name: str) -> int | None:
    value = claims.get(name)
    return value if type(value) is int else None


def _email(claims: Mapping[str, Any], paths: Paths | None) -> str | None:
    # Cognito and some others write the truth as a word.
    return _text(claims, paths) if claims.get("email_verified") in (True, "true") else None
