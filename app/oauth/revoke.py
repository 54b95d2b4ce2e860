"""`POST /oauth/revoke`: a client gives a token back. Spec: RFC 7009."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app.clients.authenticate import ClientAuthentication
from app.foundation.caller import origin_of
from app.foundation.form import FORM_TYPE, read_form
from app.foundation.oauth_errors import InvalidRequest
from app.foundation.problems import oauth_error_schema
from app.foundation.provide import provided
from app.foundation.routing import Router
from app.grants.revoke import TokenRevocation

REVOKE_PATH = "/oauth/revoke"

router = Router(tags=["oauth"])

_TEXT = {"type": "string"}
_FORM: dict[str, Any] = {
    "type": "object",
    "title": "RevocationForm",
    "required": ["token"],
    "properties": {
        "token": {**_TEXT, "description": "An access token or a refresh token."},
        "token_type_hint": {**_TEXT, "description": "Not needed: the tokens say what they are."},
        "client_id": _TEXT,
        "client_secret": {**_TEXT, "format": "password"},
        "client_assertion_type": _TEXT,
        "client_assertion": _TEXT,
    },
}
_HEADERS = {"Cache-Control": "no-store", "Pragma": "no-cache"}


@router.hot(
    "POST",
    REVOKE_PATH,
    summary="Give a token back",
    openapi_extra={
        "requestBody": {"required": True, "content": {FORM_TYPE: {"schema": _FORM}}},
        "responses": {
            "200": {"description": "The token is good no more, if it ever was."},
            "default": oauth_error_schema(),
        },
    },
)
async def revoke(request: Request) -> Response:
    """End an access token, or with a refresh token all that hangs from its grant.

    The client authenticates as at the token endpoint; a public one only says its name, and can end what it holds.
    """
    fields = await read_form(request)
    origin = origin_of(request)
    authentication = provided(request.app, ClientAuthentication)
    client = await authentication.prove(request.headers.getlist("authorization"), fields, origin)
    raw_token = fields.get("token")
    if not raw_token:
        raise InvalidRequest("The form needs token.")
    if not await authentication.is_current(client):
        client = await authentication.prove_again(request.headers.getlist("authorization"), fields, origin)
    await provided(request.app, TokenRevocation).revoke(client, raw_token, origin)
    return Response(status_code=200, headers=_HEADERS)
