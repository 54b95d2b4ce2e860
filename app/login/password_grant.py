"""Signing in by the OAuth2 password form of FastAPI's docs, which Swagger UI's Authorize button uses.

For this service's own pages and tools alone: no other client's sign-in passes through a password typed elsewhere.
In production it is off unless a setting turns it on. Spec: RFC 6749 §4.3; RFC 9700 §2.4.
"""

from typing import Annotated, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.foundation.caller import RequestOrigin
from app.foundation.form import FORM_TYPE, read_form
from app.foundation.oauth_errors import InvalidRequest, UnauthorizedClient, UnsupportedGrantType
from app.foundation.problems import oauth_error_schema
from app.foundation.provide import provide
from app.foundation.routing import Router
from app.grants.issue import FIRST_PARTY_CLIENT
from app.login.service import Login, PasswordLogin

TOKEN_PATH = "/token"  # noqa: S105 — a path
SCHEME = "password"

_MAX_CHARACTERS = 1024
_TEXT = {"type": "string", "maxLength": _MAX_CHARACTERS}
_FORM = {
    "type": "object",
    "title": "PasswordForm",
    "required": ["username", "password"],
    "properties": {
        "grant_type": {"type": "string", "const": "password"},
        "username": {**_TEXT, "description": "The email address."},
        "password": {**_TEXT, "format": "password"},
        "scope": {"type": "string"},
        "audience": {**_TEXT, "description": "What the token is for; this service itself where left out."},
        "client_id": {"type": "string", "description": f"Empty or `{FIRST_PARTY_CLIENT}`."},
    },
}
_DOCUMENTATION: dict[str, Any] = {"requestBody": {"required": True, "content": {FORM_TYPE: {"schema": _FORM}}}}

router = Router(tags=["sign-in"])


@router.post(
    TOKEN_PATH,
    summary="Sign in with the OAuth2 password form",
    openapi_extra=_DOCUMENTATION,
    responses={"default": oauth_error_schema()},
)
async def sign_in(
    request: Request, login: Annotated[Login, provide(Login)], origin: RequestOrigin, audience: str | None = None
) -> Response:
    """Open a session and answer with its first tokens, as `/auth/login` does.

    `audience` may stand in the form or, for tools whose form has no such field, in the address. Unknown fields are
    ignored, and so is a client's Basic authentication.
    """
    fields = await read_form(request)
    if fields.get("grant_type", "password") != "password":
        raise UnsupportedGrantType("This address signs in by password alone.")
    if fields.get("client_id") not in (None, "", FIRST_PARTY_CLIENT):
        raise UnauthorizedClient("Only this service's own pages and tools may sign in so.")
    presented = PasswordLogin(
        email=_required(fields, "username"),
        password=_required(fields, "password"),
        audience=_audience(fields.get("audience") or None, audience or None),
        scope=fields.get("scope") or None,
    )
    issued = await login.with_password(presented, origin)
    return JSONResponse(issued.as_json(), headers={"Pragma": "no-cache"})


def declare_password_flow(document: dict[str, Any]) -> None:
    """Have an OpenAPI document offer this form wherever a bearer token is asked for, if the form is served."""
    if TOKEN_PATH not in document["paths"]:
        return
    # Relative: Swagger UI asks where it came from, whatever name the reader used.
    flow = {"tokenUrl": TOKEN_PATH.lstrip("/"), "scopes": {}}
    schemes = document.setdefault("components", {}).setdefault("securitySchemes", {})
    schemes[SCHEME] = {"type": "oauth2", "flows": {"password": flow}}
    for methods in document["paths"].values():
        for operation in methods.values():
            if {"bearer": []} in operation.get("security", []):
                operation["security"].append({SCHEME: []})


def _required(fields: dict[str, str], name: str) -> str:
    value = fields.get(name, "")
    if not value or len(value) > _MAX_CHARACTERS:
        raise InvalidRequest(f"The form needs {name}, of at most {_MAX_CHARACTERS} characters.")
    return value


def _audience(in_form: str | None, in_address: str | None) -> str | None:
    if in_form is not None and in_address is not None and in_form != in_address:
        raise InvalidRequest("The form and the address name two audiences.")
    return in_form or in_address
