"""`/admin/oauth-clients`: the programs that may ask for tokens, or about them."""

from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, Field
from starlette.responses import Response

from app.admin.acting import actor_of
from app.admin.client_metadata import MetadataFields
from app.admin.guard import requires
from app.admin.routing import AdminRouter
from app.clients.address import MAX_URI_CHARACTERS
from app.clients.check import MAX_REDIRECT_URIS, MAX_SCOPES, MAX_TARGETS
from app.clients.client import Client
from app.clients.rules import MAX_NAME_CHARACTERS, ClientDefinition, ServiceScope
from app.clients.service import Clients
from app.foundation.body import Body
from app.foundation.caller import RequestOrigin
from app.foundation.db import Database
from app.foundation.etags import IfMatch, etag_of, show_etag
from app.foundation.pagination import Cursors, Paging
from app.foundation.principal import Principal
from app.foundation.provide import provide
from app.protocols.oauth.registration import AuthMethod, GrantType

router = AdminRouter("oauth-clients")

MAX_OVERLAP_SECONDS = 30 * 86_400
_MAX_CHARACTERS = 512

Reader = Annotated[Principal, requires("admin:oauth-clients:read")]
Writer = Annotated[Principal, requires("admin:oauth-clients:write", fresh=True)]
DB = Annotated[Database, provide(Database)]
Registry = Annotated[Clients, provide(Clients)]
Text = Annotated[str, Field(max_length=_MAX_CHARACTERS)]


class ClientBody(MetadataFields):
    """A client, without its secrets. `targets` maps audiences to scopes; null are those that need no permission."""

    client_id: str
    name: str
    audience: str | None
    scopes: list[str]
    grant_types: list[str]
    redirect_uris: list[str]
    token_endpoint_auth_method: str
    targets: dict[str, list[str] | None]
    jwks: dict[str, Any] | None
    jwks_uri: str | None
    created_at: str
    updated_at: str
    disabled_at: str | None


class CredentialsBody(ClientBody):
    """A client with a secret of it, which is shown this once; null for a client that has none."""

    client_secret: str | None


class SecretBody(BaseModel):
    """A client's new secret, which is shown this once."""

    client_id: str
    client_secret: str | None


class ClientPage(BaseModel):
    """Some clients, oldest first."""

    items: list[ClientBody]
    next: str | None


class ClientRequest(MetadataFields, Body):
    """A client as it shall be. What is left out is empty."""

    name: str = Field(max_length=MAX_NAME_CHARACTERS)
    audience: str | None = Field(default=None, max_length=128)
    scopes: list[Annotated[ServiceScope, Field(strict=False)]] = Field(default=[], max_length=len(ServiceScope))
    grant_types: list[Annotated[GrantType, Field(strict=False)]] = Field(default=[], max_length=len(GrantType))
    redirect_uris: list[Text] = Field(default=[], max_length=MAX_REDIRECT_URIS)
    token_endpoint_auth_method: AuthMethod = Field(default=AuthMethod.BASIC, strict=False)
    targets: dict[Annotated[str, Field(max_length=128)], Annotated[list[Text], Field(max_length=MAX_SCOPES)] | None] = (
        Field(default={}, max_length=MAX_TARGETS)
    )
    jwks: dict[str, Any] | None = None
    jwks_uri: str | None = Field(default=None, max_length=MAX_URI_CHARACTERS)

    def definition(self) -> ClientDefinition:
        """The definition that this means."""
        return ClientDefinition(
            name=self.name,
            audience=self.audience,
            scopes=tuple(self.scopes),
            grant_types=tuple(self.grant_types),
            redirect_uris=tuple(self.redirect_uris),
            auth_method=self.token_endpoint_auth_method,
            targets={name: None if held is None else tuple(held) for name, held in self.targets.items()},
            jwks=self.jwks,
            jwks_uri=self.jwks_uri,
            **self.metadata(),
        )


class RotateRequest(Body):
    """How long the former secrets count; `end_tokens`, for a leaked one, ends what the client was issued."""

    overlap_seconds: int = Field(default=86_400, ge=0, le=MAX_OVERLAP_SECONDS)
    end_tokens: bool = False


@router.get("", summary="The clients")
async def list_clients(
    db: DB,
    clients: Registry,
    caller: Reader,
    paging: Paging,
    cursors: Annotated[Cursors, provide(Cursors)],
) -> ClientPage:
    """Every client, oldest first."""
    bound_to = ("oauth-clients", caller.sub)
    position = cursors.position(paging, bound_to=bound_to)
    after = UUID(position[0]) if position is not None else None
    async with db.transaction() as tx:
        rows = await clients.list(tx, limit=paging.limit + 1, after=after)
    page = cursors.page(rows, paging, position_of=lambda row: (str(row.id),), bound_to=bound_to)
    return ClientPage(items=[_body(row) for row in page.items], next=page.next)


@router.post("", summary="Register a client", status_code=201)
async def create(
    body: ClientRequest,
    db: DB,
    clients: Registry,
    *,
    caller: Writer,
    origin: RequestOrigin,
    response: Response,
) -> CredentialsBody:
    """Answer with its id and its only secret, which is shown this once."""
    async with db.transaction() as tx:
        made = await clients.create(tx, body.definition(), actor=actor_of(caller), origin=origin)
        client = await clients.get(tx, made.client_id)
    show_etag(response, _etag(client))
    return CredentialsBody(**_body(client).model_dump(), client_secret=made.raw_secret)


@router.get("/{client_id}", summary="One client")
async def show(
    client_id: str,
    db: DB,
    clients: Registry,
    _: Reader,
    response: Response,
) -> ClientBody:
    """A client, without its secrets."""
    async with db.transaction() as tx:
        client = await clients.get(tx, client_id)
    show_etag(response, _etag(client))
    return _body(client)


@router.put("/{client_id}", summary="Define a client anew")
async def update(
    client_id: str,
    body: ClientRequest,
    db: DB,
    clients: Registry,
    *,
    if_match: IfMatch,
    caller: Writer,
    origin: RequestOrigin,
    response: Response,
) -> ClientBody:
    """Replace the whole definition. Secrets and tokens stay; rotate the secret where the new method needs one."""
    async with db.transaction() as tx:
        if_match.require(_etag(await clients.lock(tx, client_id)))
        client = await clients.update(tx, client_id, body.definition(), actor=actor_of(caller), origin=origin)
    show_etag(response, _etag(client))
    return _body(client)


@router.delete("/{client_id}", summary="Remove a client", status_code=204)
async def delete(
    client_id: str,
    db: DB,
    clients: Registry,
    *,
    if_match: IfMatch,
    caller: Writer,
    origin: RequestOrigin,
) -> None:
    """Remove it for good. Its tokens count no more, and its id is never used again."""
    async with db.transaction() as tx:
        if_match.require(_etag(await clients.lock(tx, client_id)))
        await clients.delete(tx, client_id, actor=actor_of(caller), origin=origin)


@router.post("/{client_id}/rotate-secret", summary="Give a client another secret")
async def rotate_secret(
    client_id: str,
    body: RotateRequest,
    db: DB,
    clients: Registry,
    *,
    caller: Writer,
    origin: RequestOrigin,
) -> SecretBody:
    """Answer with the new secret, which is shown this once; the former ones count until the overlap ends."""
    overlap = timedelta(seconds=body.overlap_seconds)
    async with db.transaction() as tx:
        made = await clients.rotate_secret(
            tx, client_id, overlap=overlap, end_tokens=body.end_tokens, actor=actor_of(caller), origin=origin
        )
    return SecretBody(client_id=made.client_id, client_secret=made.raw_secret)


@router.post("/{client_id}/disable", summary="Disable a client")
async def disable(
    client_id: str,
    db: DB,
    clients: Registry,
    *,
    caller: Writer,
    origin: RequestOrigin,
) -> ClientBody:
    """Let it authenticate no more; what it was issued counts no more, also once it is enabled again."""
    async with db.transaction() as tx:
        return _body(await clients.disable(tx, client_id, actor=actor_of(caller), origin=origin))


@router.post("/{client_id}/enable", summary="Enable a client")
async def enable(
    client_id: str,
    db: DB,
    clients: Registry,
    *,
    caller: Writer,
    origin: RequestOrigin,
) -> ClientBody:
    """Let a disabled client authenticate again."""
    async with db.transaction() as tx:
        return _body(await clients.enable(tx, client_id, actor=actor_of(caller), origin=origin))


def _body(client: Client) -> ClientBody:
    return ClientBody.model_validate(client.as_json())


def _etag(client: Client) -> str:
    return etag_of(client.id, client.version)
