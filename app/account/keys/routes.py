"""`/auth/api-keys`."""

from typing import Annotated
from uuid import UUID

from starlette.responses import JSONResponse, Response

from app.account.keys.schemas import APIKeyBody, APIKeyPage, NewAPIKeyBody, NewKeyRequest, RotateRequest
from app.account.keys.service import OwnAPIKeys
from app.apikeys.key import NewAPIKey
from app.audiences.service import Audiences
from app.foundation.caller import Caller, RequestOrigin
from app.foundation.pagination import Cursors, Paging
from app.foundation.provide import provide
from app.foundation.routing import Router

router = Router(tags=["api keys"], prefix="/auth/api-keys")

Own = Annotated[OwnAPIKeys, provide(OwnAPIKeys)]
Registry = Annotated[Audiences, provide(Audiences)]


@router.post("", summary="Make an API key", status_code=201, response_model=NewAPIKeyBody)
async def create(body: NewKeyRequest, own: Own, audiences: Registry, caller: Caller, origin: RequestOrigin) -> Response:
    """A key of the caller's, shown this once. Needs a sign-in within the last ten minutes (a setting).

    Its scopes are some of those that the caller holds at its audience; what they lose, the key loses too.
    """
    return _made(await own.create(caller, body.definition, body.audience, origin), audiences)


@router.get("", summary="The caller's API keys")
async def list_keys(
    own: Own,
    audiences: Registry,
    caller: Caller,
    paging: Paging,
    cursors: Annotated[Cursors, provide(Cursors)],
) -> APIKeyPage:
    """Newest first, those that are over too. A key's secret is never shown again."""
    bound_to = ("api keys", caller.sub)
    position = cursors.position(paging, bound_to=bound_to)
    before = None if position is None else UUID(position[0])
    rows = await own.list(caller, before=before, limit=paging.limit + 1)
    page = cursors.page(rows, paging, position_of=lambda key: (str(key.row_id),), bound_to=bound_to)
    items = [APIKeyBody.of(key, aud=audiences.aud_of(key.audience)) for key in page.items]
    return APIKeyPage(items=items, next=page.next)


@router.get("/{key_id}", summary="One of the caller's API keys")
async def show(key_id: str, own: Own, audiences: Registry, caller: Caller) -> APIKeyBody:
    """By its `id`, which is also the first part of its text after `ask_`."""
    key = await own.get(caller, key_id)
    return APIKeyBody.of(key, aud=audiences.aud_of(key.audience))


@router.delete("/{key_id}", summary="Revoke one of the caller's API keys", status_code=204)
async def revoke(key_id: str, own: Own, caller: Caller, origin: RequestOrigin) -> None:
    """It is refused from now on."""
    await own.revoke(caller, key_id, origin)


@router.post("/{key_id}/rotate", summary="Rotate an API key", status_code=201, response_model=NewAPIKeyBody)
async def rotate(
    key_id: str,
    *,
    body: RotateRequest | None = None,
    own: Own,
    audiences: Registry,
    caller: Caller,
    origin: RequestOrigin,
) -> Response:
    """Another key with the same rights, shown this once. Both count until the overlap ends, a day if nothing is said.

    Needs a sign-in within the last ten minutes (a setting).
    """
    overlap = None if body is None else body.overlap
    return _made(await own.rotate(caller, key_id, overlap=overlap, origin=origin), audiences)


def _made(made: NewAPIKey, audiences: Audiences) -> Response:
    shown = NewAPIKeyBody.made(made, aud=audiences.aud_of(made.key.audience))
    return JSONResponse(shown.model_dump(), status_code=201, headers={"Cache-Control": "no-store"})
