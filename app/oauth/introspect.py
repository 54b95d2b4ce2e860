"""Telling services what a credential amounts to, at two addresses: OAuth's own and our first one. Spec: RFC 7662."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app.apikeys.reading import ClientChanged
from app.clients.authenticate import AuthenticatedClient, ClientAuthentication, MissingServiceScope
from app.clients.errors import ClientNotAuthenticated
from app.clients.registered import RegisteredClient
from app.clients.rules import ServiceScope
from app.foundation.body import read_json
from app.foundation.caller import origin_of
from app.foundation.form import FORM_TYPE, InvalidForm, read_form
from app.foundation.json_answer import JSONAnswer
from app.foundation.oauth_errors import InvalidRequest
from app.foundation.problems import oauth_error_schema
from app.foundation.provide import provided
from app.foundation.routing import Router
from app.oauth.introspection import Answer, Introspection
from app.oauth.schemas import IntrospectionAnswer, IntrospectRequest

INTROSPECT_PATH = "/oauth/introspect"

router = Router(tags=["oauth"])

_TEXT = {"type": "string"}
_FIRST_PARTY_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": IntrospectRequest.model_json_schema()},
            FORM_TYPE: {
                "schema": {
                    "type": "object",
                    "required": ["token"],
                    "properties": {"token": _TEXT, "token_type_hint": _TEXT},
                }
            },
        },
    }
}
_FORM: dict[str, Any] = {
    "type": "object",
    "title": "IntrospectionForm",
    "required": ["token"],
    "properties": {
        "token": {**_TEXT, "description": "An access token, a refresh token or an API key."},
        "token_type_hint": {**_TEXT, "description": "Not needed: credentials say what they are."},
        "client_id": _TEXT,
        "client_secret": {**_TEXT, "format": "password"},
        "client_assertion_type": _TEXT,
        "client_assertion": _TEXT,
    },
}


@router.hot(
    "POST",
    INTROSPECT_PATH,
    summary="What a token or API key amounts to",
    answer=IntrospectionAnswer,
    openapi_extra={
        "requestBody": {"required": True, "content": {FORM_TYPE: {"schema": _FORM}}},
        "responses": {"default": oauth_error_schema()},
    },
)
async def introspect_token(request: Request) -> Response:
    """For a service with the scope `introspection` about its audience's credentials, and for a client about its own.

    The client authenticates by the method that it is registered with; a public one proves nothing and is told nothing.
    """
    fields = await read_form(request)
    authorization, origin = request.headers.getlist("authorization"), origin_of(request)
    authentication = provided(request.app, ClientAuthentication)
    client = await authentication.prove(authorization, fields, origin)
    if client.is_public:
        raise ClientNotAuthenticated(detail="a public client")
    token = fields.get("token")
    if not token:
        raise InvalidRequest("The form needs token.")
    ask = _asker(provided(request.app, Introspection))
    try:
        answer = await ask(_asking(client), token)
    except ClientChanged:
        client = await authentication.prove_again(authorization, fields, origin)
        answer = await ask(_asking(client, confirmed=True), token)
    return JSONAnswer(answer)


@router.hot(
    "POST",
    "/auth/introspect",
    summary="What an API key or access token amounts to",
    answer=IntrospectionAnswer,
    openapi_extra=_FIRST_PARTY_BODY,
)
async def introspect(request: Request) -> Response:
    """For services, by Basic, about credentials for their own audience: all others are not active. Spec: RFC 7662.

    The body is JSON with `api_key`, or a form with `token`, which may be an API key, access token or refresh token.
    """
    if request.headers.get("content-type", "").startswith(FORM_TYPE):
        credential = (await read_form(request)).get("token")
        if not credential:
            raise InvalidForm("The form has no `token`.")
    else:
        credential = (await read_json(request, IntrospectRequest)).api_key
    return await _answer(request, request.headers.getlist("authorization"), credential)


async def _answer(request: Request, authorization: Sequence[str], credential: str) -> Response:
    authentication, origin = provided(request.app, ClientAuthentication), origin_of(request)
    client = await authentication.recognise(authorization, origin)
    introspection = provided(request.app, Introspection)
    try:
        answer = await introspection.introspect(client, credential)
    except (ClientChanged, MissingServiceScope):
        client = await authentication.authenticate(authorization, origin)
        answer = await introspection.introspect(client, credential)
    return JSONAnswer(answer)


def _asker(introspection: Introspection) -> Callable[[AuthenticatedClient, str], Awaitable[Answer]]:
    """Asks as a service where the client is one, else about its own tokens alone."""

    async def ask(client: AuthenticatedClient, token: str) -> Answer:
        if client.audience is None or ServiceScope.INTROSPECTION.value not in client.scopes:
            return await introspection.introspect_own(client, token)
        return await introspection.introspect(client, token)

    return ask


def _asking(client: RegisteredClient, *, confirmed: bool = False) -> AuthenticatedClient:
    return AuthenticatedClient(
        client_id=client.client_id,
        name=client.name,
        audience=client.audience,
        scopes=client.scopes,
        version=None if confirmed else client.version,
    )
