"""`/admin/api-keys`: every key there is, those of clients made here, and what to do with one that leaked."""

from datetime import timedelta
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field, model_validator
from starlette.responses import Response

from app.admin.acting import actor_of
from app.admin.guard import requires
from app.admin.routing import AdminRouter
from app.apikeys.key import APIKey, NewAPIKey
from app.apikeys.moment import Moment
from app.apikeys.registrar import APIKeyRegistrar
from app.apikeys.rules import MAX_NETWORKS, MAX_OVERLAP, MAX_SCOPES, KeyDefinition
from app.audiences.service import Audiences
from app.foundation.body import Body
from app.foundation.caller import RequestOrigin
from app.foundation.clock import rfc3339
from app.foundation.pagination import Cursors, Paging
from app.foundation.principal import Principal
from app.foundation.provide import provide

router = AdminRouter("api-keys")

Reader = Annotated[Principal, requires("admin:api-keys:read")]
Writer = Annotated[Principal, requires("admin:api-keys:write")]
Maker = Annotated[Principal, requires("admin:api-keys:write", fresh=True)]
Registrar = Annotated[APIKeyRegistrar, provide(APIKeyRegistrar)]
Registry = Annotated[Audiences, provide(Audiences)]


class AdminKeyBody(BaseModel):
    """A key without its secret. `owner` is the subject of a user or the id of a client."""

    id: str
    prefix: str
    name: str
    owner_kind: Literal["user", "client"]
    owner: str
    audience: str
    scopes: list[str]
    networks: list[str]
    state: Literal["active", "sleeping", "expired", "revoked"]
    created_at: str
    expires_at: str | None
    last_used_at: str | None
    revoked_at: str | None
    revoke_reason: str | None
    replaced_by: str | None


class MadeKeyBody(AdminKeyBody):
    """A new key. `api_key` is shown this once."""

    api_key: str


class AdminKeyPage(BaseModel):
    """Some keys, newest first."""

    items: list[AdminKeyBody]
    next: str | None


class ClientKeyRequest(Body):
    """A key of a client. Its scopes are some of those that the client holds at the audience."""

    client_id: str = Field(max_length=128)
    name: str = Field(max_length=512, examples=["nightly export"])
    scopes: list[Annotated[str, Field(max_length=64)]] = Field(max_length=MAX_SCOPES)
    audience: str | None = Field(default=None, max_length=512)
    networks: list[Annotated[str, Field(max_length=64)]] = Field(default_factory=list, max_length=MAX_NETWORKS)
    expires_at: Moment | None = None


class RotateKeyRequest(Body):
    """How long the old key counts beside the new one."""

    overlap_seconds: int | None = Field(default=None, ge=0, le=int(MAX_OVERLAP.total_seconds()))


class LeakReport(Body):
    """The key that was seen, by its text or its id."""

    api_key: str | None = Field(default=None, max_length=16_384)
    id: str | None = Field(default=None, max_length=128)

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if (self.api_key is None) == (self.id is None):
            raise ValueError("Name the key by `api_key` or by `id`.")
        return self


@router.get("", summary="API keys")
async def list_keys(
    registrar: Registrar,
    audiences: Registry,
    caller: Reader,
    *,
    paging: Paging,
    cursors: Annotated[Cursors, provide(Cursors)],
    owner: str | None = None,
    audience: str | None = None,
) -> AdminKeyPage:
    """Newest first, those that are over too.

    All of them, or those of an `owner` (a `sub` or client id), or for an `audience` (`self` for this service itself).
    """
    bound_to = ("admin api keys", caller.sub, owner or "", audience or "")
    position = cursors.position(paging, bound_to=bound_to)
    before = None if position is None else UUID(position[0])
    rows = await registrar.list(owner=owner, audience=audience, before=before, limit=paging.limit + 1)
    page = cursors.page(rows, paging, position_of=lambda key: (str(key.row_id),), bound_to=bound_to)
    return AdminKeyPage(items=[_body(key, audiences) for key in page.items], next=page.next)


@router.post("", summary="Make an API key for a client", status_code=201)
async def create(
    body: ClientKeyRequest,
    registrar: Registrar,
    audiences: Registry,
    *,
    caller: Maker,
    origin: RequestOrigin,
    response: Response,
) -> MadeKeyBody:
    """The key is shown this once. People make their own."""
    definition = KeyDefinition(
        name=body.name, scopes=tuple(body.scopes), networks=tuple(body.networks), expires_at=body.expires_at
    )
    made = await registrar.create_for_client(
        body.client_id, definition, body.audience, actor=actor_of(caller), origin=origin
    )
    return _made(made, audiences, response)


@router.post("/report-leak", summary="Report a leaked API key")
async def report_leak(
    body: LeakReport, registrar: Registrar, audiences: Registry, *, caller: Writer, origin: RequestOrigin
) -> AdminKeyBody:
    """It is revoked at once and its owner is told by mail. Whoever found its text need not know its id."""
    key = await registrar.report_leak(raw_key=body.api_key, key_id=body.id, actor=actor_of(caller), origin=origin)
    return _body(key, audiences)


@router.get("/{key_id}", summary="One API key")
async def show(key_id: str, registrar: Registrar, audiences: Registry, _: Reader) -> AdminKeyBody:
    """Without its secret, which nobody can read."""
    return _body(await registrar.get(key_id), audiences)


@router.delete("/{key_id}", summary="Revoke an API key", status_code=204)
async def revoke(key_id: str, registrar: Registrar, *, caller: Writer, origin: RequestOrigin) -> None:
    """It is refused from now on, whoever owns it."""
    await registrar.revoke(key_id, actor=actor_of(caller), origin=origin)


@router.post("/{key_id}/rotate", summary="Rotate a client's API key", status_code=201)
async def rotate(
    key_id: str,
    registrar: Registrar,
    audiences: Registry,
    *,
    caller: Maker,
    origin: RequestOrigin,
    response: Response,
    body: RotateKeyRequest | None = None,
) -> MadeKeyBody:
    """Another key with the same rights, shown this once. A user's key is rotated by its user alone."""
    seconds = None if body is None else body.overlap_seconds
    overlap = None if seconds is None else timedelta(seconds=seconds)
    made = await registrar.rotate_for_client(key_id, overlap=overlap, actor=actor_of(caller), origin=origin)
    return _made(made, audiences, response)


def _body(key: APIKey, audiences: Audiences) -> AdminKeyBody:
    return AdminKeyBody(
        id=key.id,
        prefix=key.prefix,
        name=key.name,
        owner_kind=key.owner_kind.value,
        owner=key.owner,
        audience=audiences.aud_of(key.audience),
        scopes=list(key.scopes),
        networks=list(key.networks),
        state=key.state.value,
        created_at=rfc3339(key.created_at),
        expires_at=rfc3339(key.expires_at),
        last_used_at=rfc3339(key.last_used_at),
        revoked_at=rfc3339(key.revoked_at),
        revoke_reason=key.revoke_reason,
        replaced_by=key.successor_id,
    )


def _made(made: NewAPIKey, audiences: Audiences, response: Response) -> MadeKeyBody:
    response.headers["Cache-Control"] = "no-store"
    return MadeKeyBody(**_body(made.key, audiences).model_dump(), api_key=made.raw_key)
