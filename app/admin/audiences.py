"""`/admin/audiences`: the downstream services that tokens are minted for."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any, Self

from fastapi import Path, Response
from pydantic import BaseModel, Field, model_validator

from app.admin.acting import actor_of
from app.admin.guard import requires
from app.admin.routing import AdminRouter
from app.audiences.define import AudienceRegistration
from app.audiences.definition import AudienceDefinition
from app.audiences.service import Audiences
from app.foundation.body import Body
from app.foundation.caller import RequestOrigin
from app.foundation.db import Database
from app.foundation.etags import IfMatch, Precondition, etag_of, show_etag
from app.foundation.pagination import Cursors, Paging
from app.foundation.principal import Principal
from app.foundation.provide import provide
from app.protocols.assurance import ACR
from app.protocols.jose.algorithms import Algorithm

router = AdminRouter("audiences")

Registration = Annotated[AudienceRegistration, provide(AudienceRegistration)]
Registry = Annotated[Audiences, provide(Audiences)]
Store = Annotated[Database, provide(Database)]
Reader = Annotated[Principal, requires("admin:audiences:read")]
Writer = Annotated[Principal, requires("admin:audiences:write")]
Name = Annotated[str, Path(max_length=128, description="What tokens say as `aud`")]
Word = Annotated[str, Field(max_length=512)]
Scopes = dict[Word, Word | None]
_SCOPES = [{"orders:read": None, "orders:write": "orders:write"}]


class AudienceBody(BaseModel):
    """A downstream service.

    `scopes` maps each scope to the permission that it needs, or to null where every user holds it. `claims` are what
    its tokens tell of the user: `email`, `email_verified`, `name`, `groups` or attributes. Where `signing_algorithm`
    and `access_token_seconds` are null the deployment's defaults apply.
    """

    name: str
    resources: list[str]
    scopes: dict[str, str | None]
    signing_algorithm: str | None
    access_token_seconds: int | None
    claims: list[str]
    required_acr: str | None

    @classmethod
    def of(cls, definition: AudienceDefinition) -> "AudienceBody":
        """The audience as it is shown."""
        return cls.model_validate(definition.as_json())


class AudiencePage(BaseModel):
    """Some audiences, by name."""

    items: list[AudienceBody]
    next: str | None


class AudienceChange(Body):
    """What changes of an audience, each part as a whole; null brings the deployment's default back."""

    resources: list[Word] = Field(default=[], examples=[["https://orders.example.com"]])
    scopes: Scopes = Field(default={}, examples=_SCOPES)
    signing_algorithm: Algorithm | None = Field(default=None, strict=False)
    access_token_seconds: int | None = Field(default=None)
    claims: list[Word] = Field(default=[], examples=[["email", "tier"]])
    required_acr: ACR | None = Field(default=None, strict=False)

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("Name what shall change.")
        return self

    def parts(self) -> dict[str, Any]:
        """The parts that were named, in the definition's own form. `Any`: each field has a type of its own."""
        named = {name: getattr(self, name) for name in self.model_fields_set if name != "name"}
        return {name: tuple(value) if isinstance(value, list) else value for name, value in named.items()}


class NewAudience(AudienceChange):
    """An audience that there is to be."""

    name: str = Field(max_length=128, examples=["orders-api"])


@router.get("", summary="The audiences")
async def list_audiences(
    audiences: Registry, db: Store, caller: Reader, paging: Paging, cursors: Annotated[Cursors, provide(Cursors)]
) -> AudiencePage:
    """Every registered audience, by name. This service itself is one too, and not among them."""
    bound_to = ("audiences", caller.sub)
    position = cursors.position(paging, bound_to=bound_to)
    async with db.transaction() as tx:
        found = await audiences.list_all(tx)
    rest = [item for item in found if position is None or item.name > position[0]]
    page = cursors.page(rest[: paging.limit + 1], paging, position_of=lambda item: (item.name,), bound_to=bound_to)
    return AudiencePage(items=[AudienceBody.of(item) for item in page.items], next=page.next)


@router.post("", summary="Register an audience", status_code=201)
async def create_audience(
    body: NewAudience, registration: Registration, caller: Writer, origin: RequestOrigin, response: Response
) -> AudienceBody:
    """Tokens can be asked for it at once."""
    definition = AudienceDefinition(name=body.name, **body.parts())
    made = await registration.create(definition, actor=actor_of(caller), origin=origin)
    return _shown(made, response)


@router.get("/{name:path}", summary="One audience")
async def get_audience(name: Name, audiences: Registry, db: Store, _: Reader, response: Response) -> AudienceBody:
    """One audience with its scopes, and the permissions that they need."""
    async with db.transaction() as tx:
        return _shown(await audiences.show(tx, name), response)


@router.patch("/{name:path}", summary="Change an audience")
async def change_audience(
    *,
    name: Name,
    body: AudienceChange,
    registration: Registration,
    caller: Writer,
    origin: RequestOrigin,
    precondition: IfMatch,
    response: Response,
) -> AudienceBody:
    """The parts that are named change, and the others stay. Tokens follow with the next refresh."""
    changed = await registration.update(name, _change(body, precondition), actor=actor_of(caller), origin=origin)
    return _shown(changed, response)


def _change(body: AudienceChange, precondition: Precondition) -> Callable[[AudienceDefinition], AudienceDefinition]:
    def change(present: AudienceDefinition) -> AudienceDefinition:
        # Called under the registry's lock: of two changes at once with the same tag the second sees the first's.
        precondition.require(_etag(present))
        return replace(present, **body.parts())

    return change


def _shown(definition: AudienceDefinition, response: Response) -> AudienceBody:
    show_etag(response, _etag(definition))
    return AudienceBody.of(definition)


def _etag(definition: AudienceDefinition) -> str:
    return etag_of("audience", json.dumps(definition.in_order().as_json(), sort_keys=True))
