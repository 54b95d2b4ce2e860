"""`POST /admin/…/end-everything`: all that a user, a client or an audience has, ended in one act."""

from typing import Annotated

from fastapi import Path
from pydantic import BaseModel, Field

from app.admin.acting import actor_of
from app.admin.guard import requires
from app.admin.routing import AdminRouter
from app.foundation.body import Body
from app.foundation.caller import RequestOrigin
from app.foundation.clock import rfc3339
from app.foundation.principal import Principal
from app.foundation.provide import provide
from app.lifecycle.administration import UserAdministration
from app.lifecycle.ending import Ended, EverythingEnding

users = AdminRouter("users")
clients = AdminRouter("oauth-clients")
audiences = AdminRouter("audiences")

Ending = Annotated[EverythingEnding, provide(EverythingEnding)]
UserWriter = Annotated[Principal, requires("admin:users:write", fresh=True)]
ClientWriter = Annotated[Principal, requires("admin:oauth-clients:write", fresh=True)]
AudienceWriter = Annotated[Principal, requires("admin:audiences:write", fresh=True)]


class EndingRequest(Body):
    """Why: kept in the audit log, in these words."""

    reason: str = Field(min_length=8, max_length=500, examples=["INC-4711: tokens in a public log"])


class EndedBody(BaseModel):
    """What was ended. Tokens that were issued before `not_before` are refused; until then none is issued."""

    not_before: str
    sessions: int
    api_keys: int

    @classmethod
    def of(cls, ended: Ended) -> "EndedBody":
        """The act as it is told."""
        return cls(not_before=rfc3339(ended.not_before), sessions=ended.sessions, api_keys=ended.api_keys)


@users.post("/{sub}/end-everything", summary="End everything of a user")
async def end_user(
    *,
    sub: str,
    body: EndingRequest,
    administration: Annotated[UserAdministration, provide(UserAdministration)],
    ending: Ending,
    caller: UserWriter,
    origin: RequestOrigin,
) -> EndedBody:
    """End every session, sign-in, mailed link, token and API key of theirs. They may sign in again at once."""
    user = await administration.target(sub, caller)
    ended = await ending.of_user(user, reason=body.reason, actor=actor_of(caller), origin=origin)
    return EndedBody.of(ended)


@clients.post("/{client_id}/end-everything", summary="End everything of a client")
async def end_client(
    client_id: str, body: EndingRequest, ending: Ending, caller: ClientWriter, origin: RequestOrigin
) -> EndedBody:
    """End its own tokens, those that it holds for users with their refresh tokens, and its API keys.

    Its secrets stay: rotate them too if they may be known, or disable it.
    """
    ended = await ending.of_client(client_id, reason=body.reason, actor=actor_of(caller), origin=origin)
    return EndedBody.of(ended)


@audiences.post("/{name:path}/end-everything", summary="End everything of an audience")
async def end_audience(
    name: Annotated[str, Path(max_length=128, description="What tokens say as `aud`")],
    body: EndingRequest,
    ending: Ending,
    caller: AudienceWriter,
    origin: RequestOrigin,
) -> EndedBody:
    """End every token for it, the sign-ins that were for it, and the API keys for it."""
    ended = await ending.of_audience(name, reason=body.reason, actor=actor_of(caller), origin=origin)
    return EndedBody.of(ended)
