"""`POST /oauth/token`: parse once, authenticate the client, pick the grant type, redeem, respond.

What every grant type needs is checked here, where none can forget it. Spec: RFC 6749 §3.2, §5.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app.audit.event import Actor, ActorKind
from app.audit.service import AuditLog
from app.clients.authenticate import ClientAuthentication
from app.foundation.caller import origin_of
from app.foundation.db import Database
from app.foundation.errors import BadRequest, ServiceError, Unavailable
from app.foundation.form import FORM_TYPE, read_parameters
from app.foundation.json_answer import NOT_KEPT, JSONAnswer
from app.foundation.oauth_errors import (
    InvalidGrant,
    InvalidRequest,
    OAuthError,
    UnauthorizedClient,
    UnsupportedGrantType,
)
from app.foundation.origin import Origin
from app.foundation.problems import oauth_error_schema
from app.foundation.provide import provided
from app.foundation.routing import Router
from app.oauth.events import TokenRefused
from app.oauth.grant_types.grant_type import GrantType, TokenRequest
from app.oauth.kernel.errors import ClientChanged

TOKEN_PATH = "/oauth/token"  # noqa: S105 — a path

router = Router(tags=["oauth"])

_logger = logging.getLogger(__name__)

_TEXT = {"type": "string"}
_FORM: dict[str, Any] = {
    "type": "object",
    "title": "TokenForm",
    "required": ["grant_type"],
    "properties": {
        "grant_type": {**_TEXT, "enum": ["authorization_code", "refresh_token", "client_credentials"]},
        "code": {**_TEXT, "description": "An authorization code."},
        "redirect_uri": {**_TEXT, "description": "Where the code was sent, if the request for it said so."},
        "code_verifier": {**_TEXT, "description": "What the code's challenge was made of (RFC 7636)."},
        "refresh_token": _TEXT,
        "scope": {**_TEXT, "description": "Space-separated; all that the client holds at the audience if left out."},
        "audience": {**_TEXT, "description": "The name of an audience; the client's only one if left out."},
        "resource": {**_TEXT, "description": "A resource URI of an audience, instead of its name (RFC 8707)."},
        "client_id": {**_TEXT, "description": "For clients that authenticate by the form, or not at all."},
        "client_secret": {**_TEXT, "format": "password"},
        "client_assertion_type": _TEXT,
        "client_assertion": {**_TEXT, "description": "A JWT signed by the client (RFC 7523)."},
    },
}
_ANSWER: dict[str, Any] = {
    "type": "object",
    "title": "TokenResponse",
    "required": ["access_token", "token_type", "expires_in", "scope"],
    "properties": {
        "access_token": _TEXT,
        "token_type": _TEXT,
        "expires_in": {"type": "integer"},
        "scope": _TEXT,
        "refresh_token": _TEXT,
        "refresh_expires_in": {"type": "integer"},
        "id_token": _TEXT,
    },
}
_ANSWERED = {"description": "Tokens (RFC 6749 §5.1)", "content": {"application/json": {"schema": _ANSWER}}}


class TokenEndpoint:
    """The pipeline. Every grant type plugs in by its name."""

    def __init__(
        self, db: Database, audit: AuditLog, authentication: ClientAuthentication, grant_types: Sequence[GrantType]
    ) -> None:
        self._db = db
        self._audit = audit
        self._authentication = authentication
        self._grant_types = {grant_type.name: grant_type for grant_type in grant_types}

    async def answer(
        self,
        authorization: Sequence[str],
        fields: Mapping[str, str],
        resources: Sequence[str],
        origin: Origin,
    ) -> Mapping[str, object]:
        """The members of the token response. Raises OAuthError, ClientNotAuthenticated, DatabaseUnavailable."""
        # First, because it depends on nobody: whoever asks for what nobody gets is told so.
        grant_type = self._pick(fields.get("grant_type", ""))
        client = await self._authentication.prove(authorization, fields, origin)
        for attempt in range(2):
            asked = TokenRequest(client=client, fields=fields, resources=resources, origin=origin)
            try:
                return await _redeem(grant_type, asked)
            except (OAuthError, BadRequest) as error:
                # What was kept of the client may lack what it was given since.
                if attempt or await self._authentication.is_current(client):
                    if not isinstance(error, InvalidGrant):  # Whoever looked at that has recorded it.
                        await self._record(asked, grant_type.name, error)
                    raise
            except ClientChanged:
                _logger.debug("the client has changed since it was read")
            # A single-use proof was seen before: that it held is looked at again, and it is not spent twice.
            client = await self._authentication.prove_again(authorization, fields, origin)
        raise Unavailable(detail="the client changes faster than it is read")

    async def _record(self, asked: TokenRequest, grant_type: str, error: ServiceError) -> None:
        client_id = asked.client.client_id
        event = TokenRefused(
            actor=Actor(ActorKind.CLIENT, client_id),
            origin=asked.origin,
            subject=client_id,
            client_id=client_id,
            grant_type=grant_type,
            error=error.code,
        )
        async with self._db.transaction() as tx:
            await self._audit.record(tx, event)

    def _pick(self, name: str) -> GrantType:
        if not name:
            raise InvalidRequest("The form needs grant_type.")
        grant_type = self._grant_types.get(name)
        if grant_type is None:
            raise UnsupportedGrantType
        return grant_type


async def _redeem(grant_type: GrantType, asked: TokenRequest) -> Mapping[str, object]:
    if grant_type.name not in asked.client.grant_types:
        raise UnauthorizedClient("This client was not given that grant type.")
    return await grant_type.redeem(asked)


@router.hot(
    "POST",
    TOKEN_PATH,
    summary="Redeem a grant for tokens",
    openapi_extra={
        "requestBody": {"required": True, "content": {FORM_TYPE: {"schema": _FORM}}},
        "responses": {"200": _ANSWERED, "default": oauth_error_schema()},
    },
)
async def token(request: Request) -> Response:
    """Give a client what it was allowed: a user's tokens for a code or a refresh token, or a token of its own.

    The client authenticates by the one method that it is registered with: HTTP Basic, `client_secret` in the form, or
    a signed `client_assertion`.
    """
    fields, several = await read_parameters(request, repeatable=("resource",))
    endpoint = provided(request.app, TokenEndpoint)
    authorization = request.headers.getlist("authorization")
    members = await endpoint.answer(authorization, fields, several["resource"], origin_of(request))
    return JSONAnswer(members, also=NOT_KEPT)
