"""`/admin/saml-keys`: the key pairs that we sign by at SAML providers, and that open what these encrypt for us."""

from datetime import timedelta
from typing import Annotated

from fastapi import Path, Query
from pydantic import BaseModel, Field

from app.admin.acting import actor_of
from app.admin.guard import requires
from app.admin.routing import AdminRouter
from app.federation.saml.key_pair import KeyState
from app.federation.saml.rotation import KeyDescription, Rotation, SAMLKeyRotation
from app.foundation.body import Body
from app.foundation.caller import RequestOrigin
from app.foundation.clock import rfc3339
from app.foundation.pagination import Cursors, Paging
from app.foundation.principal import Principal
from app.foundation.provide import provide

router = AdminRouter("saml-keys")

MAX_OVERLAP_SECONDS = 366 * 86_400

Keys = Annotated[SAMLKeyRotation, provide(SAMLKeyRotation)]
Fingerprint = Annotated[str, Path(max_length=64, description="SHA-256 of the certificate, in hexadecimal")]
Reader = Annotated[Principal, requires("admin:signing-keys:read")]
Writer = Annotated[Principal, requires("admin:signing-keys:write", fresh=True)]


class SAMLKeyBody(BaseModel):
    """A key pair, without its private half. `certificate` is PEM, for providers that are told by hand.

    A next one may sign from `ready_at` on; a retiring one opens until `retires_at`.
    """

    fingerprint: str
    state: KeyState
    certificate: str
    created_at: str
    ready_at: str | None
    activated_at: str | None
    retires_at: str | None

    @classmethod
    def of(cls, key: KeyDescription) -> "SAMLKeyBody":
        """The key pair as it is shown."""
        return cls(
            fingerprint=key.fingerprint,
            state=key.state,
            certificate=key.certificate,
            created_at=rfc3339(key.created_at),
            ready_at=rfc3339(key.ready_at),
            activated_at=rfc3339(key.activated_at),
            retires_at=rfc3339(key.retires_at),
        )


class SAMLKeyPage(BaseModel):
    """Some key pairs, the newest first."""

    items: list[SAMLKeyBody]
    next: str | None


class SAMLRotationRequest(Body):
    """How long the former key pair opens what is encrypted for it: fourteen days by default, and two at least.

    With `force` the next one signs at once, and a new one where none is published: some providers will refuse us
    until they have read our metadata.
    """

    overlap_seconds: int | None = Field(default=None, ge=0, le=MAX_OVERLAP_SECONDS)
    force: bool = False


class SAMLRotationBody(BaseModel):
    """What a rotation did, by fingerprints. The former one opens until `retires_at`."""

    active: str
    former: str
    retires_at: str

    @classmethod
    def of(cls, done: Rotation) -> "SAMLRotationBody":
        """The rotation as JSON."""
        return cls(active=done.active, former=done.former, retires_at=rfc3339(done.retires_at))


@router.get("", summary="Our SAML keys")
async def list_keys(
    keys: Keys, caller: Reader, paging: Paging, cursors: Annotated[Cursors, provide(Cursors)]
) -> SAMLKeyPage:
    """Every key pair that counts, the newest first."""
    rows, bound_to = await keys.list(), ("saml-keys", caller.sub)
    page = cursors.page_of_all(rows, paging, name_of=lambda row: row.fingerprint, bound_to=bound_to)
    return SAMLKeyPage(items=[SAMLKeyBody.of(row) for row in page.items], next=page.next)


@router.post("", status_code=201, summary="Publish the next SAML key")
async def publish(keys: Keys, caller: Writer, origin: RequestOrigin) -> SAMLKeyBody:
    """Make the next key pair and put it into our metadata. It signs nothing before it is rotated to."""
    return SAMLKeyBody.of(await keys.publish(actor=actor_of(caller), origin=origin))


@router.post("/rotate", summary="Rotate our SAML key")
async def rotate(body: SAMLRotationRequest, keys: Keys, caller: Writer, origin: RequestOrigin) -> SAMLRotationBody:
    """Let the next key pair sign, which providers have read from our metadata meanwhile."""
    overlap = None if body.overlap_seconds is None else timedelta(seconds=body.overlap_seconds)
    return SAMLRotationBody.of(
        await keys.rotate(overlap=overlap, force=body.force, actor=actor_of(caller), origin=origin)
    )


@router.delete("/{fingerprint}", status_code=204, summary="Retire a SAML key")
async def retire(
    *,
    fingerprint: Fingerprint,
    keys: Keys,
    caller: Writer,
    origin: RequestOrigin,
    force: Annotated[bool, Query(description="Also one that providers may still encrypt for")] = False,
) -> None:
    """Take out a next key pair, or one that opens still, and erase its private half. The active one stays."""
    await keys.retire(fingerprint, force=force, actor=actor_of(caller), origin=origin)
