"""Keycloak's clients as clients of ours."""

from collections.abc import Mapping
from typing import Any

from app.clients.rules import ClientDefinition
from app.protocols.oauth import redirect_uri
from app.protocols.oauth.registration import AuthMethod, GrantType
from app.transfer.keycloak.client_metadata import metadata
from app.transfer.keycloak.report import Report


def definition(client: Mapping[str, Any], report: Report) -> ClientDefinition | None:
    """What a client is registered as; None for one that has nothing to do here. Losses go into the report."""
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
    if client.get("protocolMappers"):
        report.lose("client", name, "protocol mappers: an audience names the claims of its tokens")
    if not grants:
        report.lose("client", name, "nothing is left that it could do here")
        return None
    return ClientDefinition(
        name=name,
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
