"""`/oauth/userinfo`: what a client is told of a person. Spec: OpenID Connect Core §5.3, RFC 6750."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app.audiences.own import USERINFO_PATH
from app.foundation.form import FORM_TYPE, read_form
from app.foundation.json_answer import NOT_KEPT, JSONAnswer
from app.foundation.oauth_errors import InvalidRequest
from app.foundation.principal import MissingToken
from app.foundation.problems import oauth_error_schema
from app.foundation.provide import provided
from app.foundation.routing import Router
from app.grants.userinfo import UserInfo

router = Router(tags=["oauth"])

_TOKEN = "access_token"  # noqa: S105 — the name of a field
_ANSWERED = {
    "description": "Claims about the person (OpenID Connect Core §5.3.2)",
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "title": "UserInfo",
                "required": ["sub"],
                "properties": {"sub": {"type": "string"}},
                "additionalProperties": True,
            }
        }
    },
}
_DOCUMENTATION: dict[str, Any] = {
    "security": [{"bearer": []}],
    "responses": {"200": _ANSWERED, "default": oauth_error_schema()},
}


@router.hot("GET", USERINFO_PATH, summary="Who signed in", openapi_extra=_DOCUMENTATION)
async def userinfo(request: Request) -> Response:
    """Give the claims about the person whose access token comes as a bearer token and carries `openid`."""
    return await _answer(request, _bearer_token(request, None))


@router.hot("POST", USERINFO_PATH, summary="Who signed in, asked by POST", openapi_extra=_DOCUMENTATION)
async def userinfo_by_post(request: Request) -> Response:
    """The same; the token may come as the field `access_token` of a form instead. Spec: RFC 6750 §2.2."""
    has_form = request.headers.get("content-type", "").startswith(FORM_TYPE)
    field = (await read_form(request)).get(_TOKEN) if has_form else None
    return await _answer(request, _bearer_token(request, field))


async def _answer(request: Request, raw_token: str) -> Response:
    claims = await provided(request.app, UserInfo).of(raw_token)
    return JSONAnswer(claims, also=NOT_KEPT)


def _bearer_token(request: Request, field: str | None) -> str:
    """The one token of a request. Raises InvalidRequest, MissingToken."""
    if request.scope["query_string"] and _TOKEN in request.query_params:
        # Addresses end in logs and histories. Spec: RFC 9700 §2.6.
        raise InvalidRequest("An access token does not travel in the address.")
    headers = request.headers.getlist("authorization")
    if len(headers) + (field is not None) > 1:
        raise InvalidRequest("The request carries more than one access token.")
    if field is not None:
        return field
    scheme, _, raw_token = headers[0].partition(" ") if headers else ("", "", "")
    if scheme.lower() != "bearer" or not raw_token:
        raise MissingToken("This needs a bearer token.")
    return raw_token
