"""Refreshing, for first-party clients."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.foundation.body import read_json
from app.foundation.caller import origin_of
from app.foundation.provide import provided
from app.foundation.routing import Router
from app.grants.issue import FIRST_PARTY_CLIENT
from app.grants.rotate import RefreshRequest, RefreshTokenRotation
from app.grants.schemas import RefreshBody, TokenResponse

router = Router(tags=["sign-in"])


@router.hot("POST", "/auth/refresh", summary="Refresh tokens", body=RefreshBody, answer=TokenResponse)
async def refresh(request: Request) -> Response:
    """Spend a refresh token for a new access token and its successor.

    A lost answer is no theft: within ten seconds the same token gets the same successor again. A spent token
    that comes back later ends its session.
    """
    body = await read_json(request, RefreshBody)
    asked = RefreshRequest(client_id=FIRST_PARTY_CLIENT, audience=body.audience, origin=origin_of(request))
    issued = await provided(request.app, RefreshTokenRotation).refresh(body.refresh_token, asked)
    return JSONResponse(issued.as_json())
