"""`/.well-known/oauth-protected-resource`: this service's own API, for clients that found it by a challenge.

Spec: RFC 9728 §2, §3, §5.1.
"""

import json
from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app.foundation.provide import provided
from app.foundation.routing import Router

METADATA_PATH = "/.well-known/oauth-protected-resource"
_MAX_AGE_SECONDS = 300

router = Router(tags=["oauth"])

_TEXT = {"type": "string"}
_TEXTS = {"type": "array", "items": _TEXT}
_ANSWER: dict[str, Any] = {
    "type": "object",
    "title": "ProtectedResourceMetadata",
    "required": ["resource", "authorization_servers"],
    "properties": {
        "resource": _TEXT,
        "authorization_servers": _TEXTS,
        "jwks_uri": _TEXT,
        "scopes_supported": _TEXTS,
        "bearer_methods_supported": _TEXTS,
        "resource_name": _TEXT,
    },
}


class ProtectedResource:
    """What is published about this service as a resource. Its tokens are its own, for the issuer as audience."""

    def __init__(self, *, issuer: str, name: str, scopes: Sequence[str]) -> None:
        self.issuer = issuer
        self.metadata_address = issuer + METADATA_PATH
        document = {
            "resource": issuer,
            "authorization_servers": [issuer],
            "jwks_uri": f"{issuer}/.well-known/jwks.json",
            "scopes_supported": sorted(scopes),
            # Not in the query, and not in a form.
            "bearer_methods_supported": ["header"],
            "resource_name": name,
        }
        self.document = json.dumps(document, separators=(",", ":")).encode()


@router.hot(
    "GET",
    METADATA_PATH,
    summary="What this service is as a protected resource",
    openapi_extra={
        "responses": {"200": {"description": "RFC 9728", "content": {"application/json": {"schema": _ANSWER}}}}
    },
)
async def show(request: Request) -> Response:
    """The metadata of this service's own API: who issues tokens for it, and which scopes there are."""
    headers = {"Cache-Control": f"public, max-age={_MAX_AGE_SECONDS}"}
    document = provided(request.app, ProtectedResource).document
    return Response(document, media_type="application/json", headers=headers)
