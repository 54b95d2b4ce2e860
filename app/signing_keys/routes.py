"""The public keys, for everyone who verifies our tokens."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app.foundation.metrics import Counter
from app.foundation.provide import provided
from app.foundation.routing import Router
from app.signing_keys.service import SigningKeys

JWKS_PATH = "/.well-known/jwks.json"

router = Router(tags=["discovery"])

_SERVED = Counter(
    "jwks_served", "Key sets asked for, sent anew or known already.", unit="answers", answer=("new", "known")
)

_DOCUMENTATION: dict[str, Any] = {
    "responses": {
        "200": {
            "description": "The keys that sign, are about to, or still verify.",
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "required": ["keys"],
                        "properties": {"keys": {"type": "array", "items": {"type": "object"}}},
                    }
                }
            },
        },
        "304": {"description": "The copy that If-None-Match names is still right."},
    }
}


@router.hot("GET", JWKS_PATH, summary="The public signing keys", openapi_extra=_DOCUMENTATION)
async def jwks(request: Request) -> Response:
    """A JSON Web Key Set. Keep it for as long as Cache-Control says; an unknown `kid` is a reason to ask again.

    Spec: RFC 7517 §5.
    """
    keys = provided(request.app, SigningKeys)
    headers = {
        "Cache-Control": f"public, max-age={keys.jwks_max_age_seconds}",
        "ETag": keys.jwks_etag,
        # Public by nature and sent without credentials, so that browsers of any origin may verify too.
        "Access-Control-Allow-Origin": "*",
    }
    if _is_known(request.headers.get("if-none-match"), keys.jwks_etag):
        _SERVED.add("known")
        return Response(status_code=304, headers=headers)
    _SERVED.add("new")
    return Response(keys.jwks(), media_type="application/json", headers=headers)


def _is_known(if_none_match: str | None, etag: str) -> bool:
    """Whether the caller holds this very document. The comparison is weak. Spec: RFC 9110 §13.1.2."""
    if if_none_match is None:
        return False
    tags = (tag.strip().removeprefix("W/") for tag in if_none_match.split(","))
    return if_none_match.strip() == "*" or etag in tags
