"""Re-authentication and action tokens by JSON."""

from typing import Annotated, Literal

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.clients.authenticate import ClientAuthentication
from app.factors.factor import FactorName
from app.foundation.body import read_json
from app.foundation.caller import AnyAudienceCaller, RequestOrigin, origin_of
from app.foundation.cookies import Cookies
from app.foundation.provide import provide, provided
from app.foundation.routing import Router
from app.stepup.actions import ActionTokens
from app.stepup.consume import ActionTokenConsumption, Consumption
from app.stepup.reauthenticate import Reauthentication
from app.stepup.schemas import (
    ActionChallengeBody,
    ActionTokenAnswer,
    ActionTokenRequest,
    BeginRequest,
    Begun,
    Consumed,
    ConsumeRequest,
    IssuedActionTokenBody,
    ReauthenticateRequest,
    RenewedCookies,
    RenewedToken,
    shown_as,
)

router = Router(tags=["step-up"])

_BEARER: Literal["Bearer"] = "Bearer"
_NO_STORE = {"Cache-Control": "no-store"}
StepUp = Annotated[Reauthentication, provide(Reauthentication)]
Tokens = Annotated[ActionTokens, provide(ActionTokens)]


@router.post("/auth/reauthenticate", summary="Prove again who you are", response_model=RenewedToken | RenewedCookies)
async def reauthenticate(
    request: Request, body: ReauthenticateRequest, step_up: StepUp, caller: AnyAudienceCaller, origin: RequestOrigin
) -> Response:
    """Renew the session's `auth_time`, and raise its `acr` by what is proven.

    The answer is an access token for the same audience; refresh tokens stay as they are. What a route asked for by
    a challenge (RFC 9470) is answered so. A browser's session gets another cookie, and its token goes into a cookie.
    """
    renewed = await step_up.reauthenticate(caller, body.name, body.presented, origin)
    minted, session = renewed.minted, renewed.cookie
    if session is not None:
        left = RenewedCookies(expires_in=minted.expires_in, scope=minted.scope)
        response = JSONResponse(left.model_dump(), headers=_NO_STORE)
        cookies = provided(request.app, Cookies)
        cookies.put(response, cookies.session, session.raw_value, max_age_seconds=session.max_age_seconds)
        cookies.put(response, cookies.access, minted.raw_token, max_age_seconds=minted.expires_in)
        return response
    answer = RenewedToken(
        access_token=minted.raw_token, token_type=_BEARER, expires_in=minted.expires_in, scope=minted.scope
    )
    return JSONResponse(answer.model_dump(), headers=_NO_STORE)


@router.post("/auth/reauthenticate/begin", summary="Begin a proof that needs a challenge")
async def begin(body: BeginRequest, step_up: StepUp, caller: AnyAudienceCaller) -> Begun:
    """What a client shows before it can answer: the request options of a passkey."""
    return Begun(factor=body.factor.value, options=dict(await step_up.begin(caller, body.factor)))


@router.post("/auth/action-tokens", summary="Ask for an action token", status_code=202)
async def ask(body: ActionTokenRequest, tokens: Tokens, caller: AnyAudienceCaller) -> ActionChallengeBody:
    """A challenge for one act at the bearer token's audience, to be answered in the same session.

    `request_hash` is base64url(SHA-256) of `METHOD`, a line feed, path and query, a line feed, and the body: then
    the token is good for that request alone.
    `"factor": "otp"` has a code mailed, for those without a second factor.
    """
    challenge = await tokens.challenge(caller, action=body.action, request_hash=body.request_hash, wanted=body.factor)
    return ActionChallengeBody(
        challenge_id=str(challenge.id),
        factor=shown_as(challenge.factors[0]),
        factors=[shown_as(name) for name in challenge.factors],
        options={shown_as(FactorName(name)): dict(shown) for name, shown in challenge.options.items()},
        expires_in=challenge.expires_in,
    )


@router.post("/auth/action-tokens/verify", summary="Answer its challenge", response_model=IssuedActionTokenBody)
async def verify(body: ActionTokenAnswer, tokens: Tokens, caller: AnyAudienceCaller, origin: RequestOrigin) -> Response:
    """The action token, to be sent as `X-Action-Token` beside the bearer token within two minutes, once."""
    issued = await tokens.answer(caller, body.challenge_id, body.factor, body.presented, origin)
    answer = IssuedActionTokenBody(action_token=issued.raw_token, expires_in=issued.expires_in)
    return JSONResponse(answer.model_dump(), headers=_NO_STORE)


@router.hot(
    "POST", "/auth/action-tokens/consume", summary="Spend an action token", body=ConsumeRequest, answer=Consumed
)
async def consume(request: Request) -> Response:
    """For services, by Basic: whether a token counts for this act of the service's own audience, once with yes.

    Repeating the same `consumption_id` within ten seconds gives the same answer, for one that was lost.
    """
    origin = origin_of(request)
    body = await read_json(request, ConsumeRequest)
    authorization = request.headers.getlist("authorization")
    client = await provided(request.app, ClientAuthentication).authenticate(authorization, origin)
    wanted = Consumption(id=body.consumption_id, action=body.action, request_hash=body.request_hash)
    sub = await provided(request.app, ActionTokenConsumption).consume(client, body.action_token, wanted, origin)
    return JSONResponse({"active": False} if sub is None else {"active": True, "sub": sub}, headers=_NO_STORE)
