"""`/auth/oauth/exchange`, our keys for a provider, and what it tells of sessions that are over."""

from typing import Annotated, Any

from starlette.requests import Request
from starlette.responses import Response

from app.brokering.exchange import ExchangeCodes
from app.brokering.logout import UpstreamLogouts
from app.brokering.schemas import ExchangeRequest
from app.federation.oidc.client_proof import client_keys
from app.federation.providers.errors import IdentityProviderNotFound
from app.federation.providers.service import IdentityProviders
from app.foundation.caller import RequestOrigin
from app.foundation.form import read_form
from app.foundation.json_answer import JSONAnswer
from app.foundation.provide import provide
from app.foundation.routing import Router
from app.grants.answer import TokenResponse, token_answer

EXCHANGE_PATH = "/auth/oauth/exchange"

router = Router(tags=["sign-in"])

_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/x-www-form-urlencoded": {
                "schema": {
                    "type": "object",
                    "required": ["logout_token"],
                    "properties": {"logout_token": {"type": "string", "description": "A logout token."}},
                }
            }
        },
    }
}


@router.post(EXCHANGE_PATH, summary="Exchange a code for tokens", response_model=TokenResponse)
async def exchange(
    request: Request,
    body: ExchangeRequest,
    codes: Annotated[ExchangeCodes, provide(ExchangeCodes)],
    origin: RequestOrigin,
) -> Response:
    """The code that `start` led to at the app's address, for 60 seconds (a setting) and once.

    It answers the audience that `start` named. A code that comes a second time ends the session that it has opened.
    """
    return token_answer(request, await codes.exchange(body.code, body.code_verifier, origin))


@router.get("/auth/oauth/{provider}/jwks.json", summary="The keys by which we prove ourselves at a provider")
async def client_key_set(
    provider: str, providers: Annotated[IdentityProviders, provide(IdentityProviders)]
) -> Response:
    """For a provider that fetches the keys of its clients: those of the connection, where it proves itself by keys."""
    keys = client_keys(await providers.get(None, provider))
    if not keys:
        raise IdentityProviderNotFound
    response = JSONAnswer({"keys": keys})
    response.headers["Cache-Control"] = "public, max-age=300"
    return response


@router.post(
    "/auth/oauth/{provider}/backchannel-logout",
    summary="Hear from a provider that a session is over",
    openapi_extra=_FORM,
    status_code=200,
)
async def backchannel_logout(
    request: Request,
    provider: str,
    logouts: Annotated[UpstreamLogouts, provide(UpstreamLogouts)],
    origin: RequestOrigin,
) -> Response:
    """End every session here that rests on it, with all their tokens. Spec: OpenID Connect Back-Channel Logout §2.8."""
    fields = await read_form(request)
    await logouts.hear(provider, fields.get("logout_token", ""), origin)
    response = JSONAnswer({})
    response.headers["Cache-Control"] = "no-store"
    return response
