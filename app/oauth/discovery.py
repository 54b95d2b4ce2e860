"""The two documents by which a client finds its way. Specs: OpenID Connect Discovery §4, RFC 8414 §3."""

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app.foundation.provide import provided
from app.foundation.routing import Router
from app.protocols.oidc.discovery import AUTHORIZATION_SERVER, OPENID_CONFIGURATION, metadata

router = Router(tags=["discovery"])

_MAX_AGE_SECONDS = 240
_DOCUMENTATION: dict[str, Any] = {
    "responses": {
        "200": {
            "description": "The provider's metadata.",
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "title": "ProviderMetadata",
                        "required": ["issuer", "token_endpoint", "jwks_uri"],
                        "properties": {"issuer": {"type": "string"}},
                        "additionalProperties": True,
                    }
                }
            },
        }
    }
}


class Discovery:
    """The document, written once: nothing of a request is in it."""

    def __init__(self, *, issuer: str, ui_locales: tuple[str, ...]) -> None:
        document = metadata(issuer, ui_locales=ui_locales)
        self.content = json.dumps(document, separators=(",", ":")).encode()


@router.hot("GET", OPENID_CONFIGURATION, summary="The OpenID provider's metadata", openapi_extra=_DOCUMENTATION)
async def openid_configuration(request: Request) -> Response:
    """Say where everything is, and what of the standards works here."""
    return _answer(request)


@router.hot("GET", AUTHORIZATION_SERVER, summary="The authorization server's metadata", openapi_extra=_DOCUMENTATION)
async def authorization_server(request: Request) -> Response:
    """The same document, at the address that OAuth without OpenID Connect knows. Spec: RFC 8414 §3."""
    return _answer(request)


def _answer(request: Request) -> Response:
    headers = {
        "Cache-Control": f"public, max-age={_MAX_AGE_SECONDS}",
        # Public by nature and sent without credentials, so that browsers of any origin may read it too.
        "Access-Control-Allow-Origin": "*",
    }
    return Response(provided(request.app, Discovery).content, media_type="application/json", headers=headers)
