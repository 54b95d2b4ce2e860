"""What Keycloak's clients say of themselves for signing people in, as ours say it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from app.clients.address import is_address
from app.foundation.settings import web_origin
from app.protocols.oauth import redirect_uri
from app.transfer.keycloak.report import Report

# Keycloak writes lists into one attribute.
_BETWEEN = "##"
_ADDRESSES = {
    "backchannel_logout_uri": "backchannel.logout.url",
    "logo_uri": "logoUri",
    "policy_uri": "policyUri",
    "tos_uri": "tosUri",
}


def metadata(
    client: Mapping[str, Any], redirect_uris: Sequence[str], report: Report, *, native: bool
) -> dict[str, Any]:
    """The arguments of `ClientMetadata`; losses go into the report."""
    name, attributes = str(client.get("clientId") or "?"), client.get("attributes") or {}
    found: dict[str, Any] = {
        "consent_required": bool(client.get("consentRequired")),
        "allowed_origins": tuple(dict.fromkeys(_origins(client, name, redirect_uris, report))),
        "post_logout_redirect_uris": tuple(
            dict.fromkeys(_post_logout(attributes, name, redirect_uris, report, native=native))
        ),
    }
    for field, word in _ADDRESSES.items():
        uri = attributes.get(word)
        if uri and is_address(uri):
            found[field] = uri
        elif uri:
            report.lose("client", name, f"{word}: {uri} is no https address")
    if "backchannel_logout_uri" in found:
        required = attributes.get("backchannel.logout.session.required", "true")
        found["backchannel_logout_session_required"] = required == "true"
    if client.get("frontchannelLogout") and attributes.get("frontchannel.logout.url"):
        report.lose("client", name, "front-channel logout: name its page by frontchannel_logout_uri")
    return found


def _origins(client: Mapping[str, Any], name: str, redirect_uris: Sequence[str], report: Report) -> Iterator[str]:
    for origin in client.get("webOrigins") or ():
        if origin == "+":
            yield from (place for uri in redirect_uris if (place := _origin_of(uri)) is not None)
            continue
        try:
            yield web_origin(origin)
        except ValueError as error:
            report.lose("client", name, f"web origin {origin}: {error}")


def _origin_of(uri: str) -> str | None:
    parts = urlsplit(uri)
    try:
        return web_origin(f"{parts.scheme}://{parts.netloc}")
    except ValueError:
        return None


def _post_logout(
    attributes: Mapping[str, Any], name: str, redirect_uris: Sequence[str], report: Report, *, native: bool
) -> Iterator[str]:
    for uri in filter(None, str(attributes.get("post.logout.redirect.uris") or "").split(_BETWEEN)):
        if uri == "+":
            yield from redirect_uris
        elif uri != "-" and (fault := redirect_uri.fault_of(uri, native=native)) is None:
            yield uri
        elif uri != "-":
            report.lose("post-logout redirect URI", name, f"{uri}: {fault}")
