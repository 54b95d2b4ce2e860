"""`/admin/identity-providers`: by whom people may be vouched for."""

from enum import StrEnum
from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import Field
from starlette.responses import Response

from app.admin.acting import by_of
from app.admin.guard import requires
from app.admin.provider_bodies import PresetBody, PresetsBody, ProbeBody, ProviderBody, ProviderPage
from app.admin.routing import AdminRouter
from app.federation.connector import ConnectorKind
from app.federation.providers.connectors import Connectors
from app.federation.providers.definition import Definition, Provider
from app.federation.providers.registration import ProviderChange, ProviderRegistration
from app.federation.providers.rules import MAX_NAME_CHARACTERS, MAX_SECRET_CHARACTERS
from app.federation.providers.settings import PolicyFields
from app.foundation.body import Body
from app.foundation.caller import RequestOrigin
from app.foundation.etags import IfMatch, Precondition, etag_of, show_etag
from app.foundation.pagination import Cursors, Paging
from app.foundation.principal import Principal
from app.foundation.provide import provide

router = AdminRouter("identity-providers")

Registry = Annotated[ProviderRegistration, provide(ProviderRegistration)]
Reader = Annotated[Principal, requires("admin:identity-providers:read")]
# Who vouches for people can be any of them.
Writer = Annotated[Principal, requires("admin:identity-providers:write", fresh=True)]
# Its answer is the provider's: the request waits for it, and holds no transaction meanwhile.
Tester = Annotated[Principal, requires("admin:identity-providers:write", idempotent=False)]

ProviderID = Annotated[str, Path(max_length=64, description="The provider's id, as it stands in addresses")]
Name = Annotated[str, Field(max_length=MAX_NAME_CHARACTERS, examples=["Corp"])]
Secret = Annotated[str, Field(max_length=MAX_SECRET_CHARACTERS)]


class LinksAfter(StrEnum):
    """What becomes of the links between accounts and the identities of a provider that is deleted."""

    KEEP = "keep"
    REMOVE = "remove"


class ProviderRequest(Body):
    """A new identity provider. `config` is the connector's: the page on providers lists its members.

    `secret` is what we prove ourselves by at the provider. It is sealed, and no answer holds it.
    """

    id: str = Field(max_length=40, examples=["corp"])
    name: Name
    kind: ConnectorKind = Field(default=ConnectorKind.OIDC, strict=False)
    preset: str | None = Field(default=None, max_length=40, examples=["keycloak"])
    config: dict[str, Any]
    secret: Secret | None = None
    policy: PolicyFields = PolicyFields()
    enabled: bool = True


class ProviderPatch(Body):
    """What to change; what is left out stays. `config` and `policy` are replaced whole; an empty `secret` goes."""

    name: Name | None = None
    config: dict[str, Any] | None = None
    secret: Secret | None = None
    policy: PolicyFields | None = None
    enabled: bool | None = None


@router.post("", status_code=201, summary="Set an identity provider up")
async def create(
    body: ProviderRequest, registry: Registry, caller: Writer, origin: RequestOrigin, response: Response
) -> ProviderBody:
    """Let people sign in by another provider. Nothing is asked of it yet: `…/test` does that."""
    definition = Definition(
        id=body.id,
        name=body.name,
        kind=body.kind,
        preset=body.preset,
        config=body.config,
        policy=body.policy.policy(),
        is_enabled=body.enabled,
    )
    made = await registry.create(definition, secret=body.secret, by=by_of(caller, origin))
    show_etag(response, _etag(made))
    return ProviderBody.of(made)


@router.get("", summary="The identity providers")
async def list_providers(
    registry: Registry, caller: Reader, paging: Paging, cursors: Annotated[Cursors, provide(Cursors)]
) -> ProviderPage:
    """Every identity provider, those of the settings too, by id."""
    bound_to = ("identity-providers", caller.sub)
    position = cursors.position(paging, bound_to=bound_to)
    after = "" if position is None else position[0]
    rows = [one for one in await registry.list() if one.id > after][: paging.limit + 1]
    page = cursors.page(rows, paging, position_of=lambda row: (row.id,), bound_to=bound_to)
    return ProviderPage(items=[ProviderBody.of(row) for row in page.items], next=page.next)


@router.get("/presets", summary="The providers that are known by name")
async def list_presets(connectors: Annotated[Connectors, provide(Connectors)], _: Reader) -> PresetsBody:
    """What `preset` can be, and the kind that goes with each."""
    return PresetsBody(items=[PresetBody(preset=name, kind=kind) for name, kind in connectors.presets])


@router.get("/{provider_id}", summary="An identity provider")
async def show(provider_id: ProviderID, registry: Registry, _: Reader, response: Response) -> ProviderBody:
    """One identity provider, without its secret."""
    found = await registry.get(provider_id)
    show_etag(response, _etag(found))
    return ProviderBody.of(found)


@router.patch("/{provider_id}", summary="Change an identity provider")
async def update(
    *,
    provider_id: ProviderID,
    body: ProviderPatch,
    registry: Registry,
    caller: Writer,
    origin: RequestOrigin,
    precondition: IfMatch,
    response: Response,
) -> ProviderBody:
    """Change it for the sign-ins that begin from then on. A disabled one admits nobody; sessions go on."""
    change = ProviderChange(
        name=body.name,
        config=body.config,
        secret=body.secret,
        policy=None if body.policy is None else body.policy.policy(),
        is_enabled=body.enabled,
    )
    changed = await registry.change(provider_id, change, by=by_of(caller, origin), unchanged=_unchanged(precondition))
    show_etag(response, _etag(changed))
    return ProviderBody.of(changed)


@router.delete("/{provider_id}", status_code=204, summary="Delete an identity provider")
async def delete(
    *,
    provider_id: ProviderID,
    registry: Registry,
    caller: Writer,
    origin: RequestOrigin,
    precondition: IfMatch,
    links: Annotated[
        LinksAfter | None, Query(description="What becomes of accounts' links to it; asked for where there are any")
    ] = None,
) -> None:
    """Forget it and its secret. Where accounts are linked to it and `links` says nothing, it is refused."""
    await registry.delete(
        provider_id,
        removes_links=None if links is None else links is LinksAfter.REMOVE,
        by=by_of(caller, origin),
        unchanged=_unchanged(precondition),
    )


@router.post("/{provider_id}/test", summary="Test the connection")
async def probe(provider_id: ProviderID, registry: Registry, caller: Tester) -> ProbeBody:  # noqa: ARG001
    """Ask the provider now for all that a sign-in would need, and explain each fault. Nobody is signed in."""
    return ProbeBody.of(await registry.test(provider_id))


def _etag(provider: Provider) -> str:
    return etag_of(provider.id, provider.version)


class _unchanged:  # noqa: N801  # reads as what it checks
    """Holds the caller's precondition against the provider that is locked."""

    def __init__(self, precondition: Precondition) -> None:
        self._precondition = precondition

    def __call__(self, provider: Provider) -> None:
        self._precondition.require(_etag(provider))
