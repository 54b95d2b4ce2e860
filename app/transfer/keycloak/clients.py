"""Keycloak's clients as clients of ours."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from app.clients.rules import ClientDefinition, ServiceScope
from app.protocols.oauth import redirect_uri
from app.protocols.oauth.registration import AuthMethod, GrantType
from app.transfer.keycloak.client_metadata import metadata
from app.transfer.keycloak.report import Report

_AUDIENCE_MAPPER = "oidc-audience-mapper"


def services_of(client: Mapping[str, Any]) -> Iterator[str]:
    """Whom a client's access tokens are for, by its own audience mappers."""
    for mapper in client.get("protocolMappers") or ():
        config = mapper.get("config") or {}
        name = config.get("included.client.audience") or config.get("included.custom.audience")
        is_in_token = config.get("access.token.claim", "true") == "true"
        if mapper.get("protocolMapper") == _AUDIENCE_MAPPER and name and is_in_token:
            yield str(name)


def definition(client: Mapping[str, Any], audiences: Collection[str], report: Report) -> ClientDefinition | None:
    """What a client is registered as; None for one that has nothing to do here. Losses go into the report.

    `audiences` are those of the realm that are here: the client may ask tokens for those that its mappers name, and
    one that is such a service itself, and keeps a secret, may ask about that service's tokens, as it could there.
    """
    name = str(client.get("clientId") or "?")
    if client.get("protocol", "openid-connect") != "openid-connect":
        report.lose("client", name, f"it speaks {client['protocol']}")
        return None
    if client.get("bearerOnly"):
        return None
    if not client.get("enabled", True):
        report.lose("client", name, "it is disabled")
        return None
    is_public = bool(client.get("publicClient"))
    uris = _redirect_uris(client, name, report, native=is_public)
    grants = []
    if client.get("standardFlowEnabled", True) and uris:
        grants += [GrantType.AUTHORIZATION_CODE.value, GrantType.REFRESH_TOKEN.value]
    if client.get("serviceAccountsEnabled") and not is_public:
        grants.append(GrantType.CLIENT_CREDENTIALS.value)
    for flow, words in (
        ("implicitFlowEnabled", "the implicit flow"),
        ("directAccessGrantsEnabled", "the password grant"),
    ):
        if client.get(flow):
            report.lose("client", name, f"{words} is not offered")
    if any(mapper.get("protocolMapper") != _AUDIENCE_MAPPER for mapper in client.get("protocolMappers") or ()):
        report.lose("client", name, "protocol mappers: an audience names the claims of its tokens")
    own = name if name in audiences and not is_public else None
    if not grants and own is None:
        report.lose("client", name, "nothing is left that it could do here")
        return None
    return ClientDefinition(
        name=name,
        audience=own,
        scopes=() if own is None else tuple(ServiceScope),
        targets={service: None for service in services_of(client) if grants and service in audiences},
        grant_types=tuple(grants),
        redirect_uris=uris if GrantType.AUTHORIZATION_CODE.value in grants else (),
        auth_method=AuthMethod.NONE if is_public else AuthMethod.BASIC,
        **metadata(client, uris, report, native=is_public),
    )


def _redirect_uris(client: Mapping[str, Any], name: str, report: Report, *, native: bool) -> tuple[str, ...]:
    kept = []
    for uri in client.get("redirectUris") or ():
        if "*" in uri:
            report.lose("redirect URI", name, f"{uri}: wildcards are not taken over; register each URI in full")
        elif (fault := redirect_uri.fault_of(uri, native=native)) is not None:
            report.lose("redirect URI", name, f"{uri}: {fault}")
        else:
            kept.append(uri)
    return tuple(kept)
