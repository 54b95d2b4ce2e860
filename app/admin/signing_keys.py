"""`/admin/signing-keys`: the keys that tokens are signed with."""

from typing import Annotated, Literal

from fastapi import Path
from pydantic import BaseModel, Field

from app.admin.acting import actor_of
from app.admin.guard import requires
from app.admin.routing import AdminRouter
from app.audiences.rotate_keys import SigningKeyRotation
from app.foundation.body import Body
from app.foundation.caller import RequestOrigin
from app.foundation.clock import rfc3339
from app.foundation.pagination import Cursors, Paging
from app.foundation.principal import Principal
from app.foundation.provide import provide
from app.protocols.jose.algorithms import Algorithm
from app.signing_keys.keyset import KeyDescription
from app.signing_keys.service import SigningKeys
from app.signing_keys.withdraw import KeyWithdrawal

router = AdminRouter("signing-keys")

MAX_OVERLAP_SECONDS = 366 * 86_400

Keys = Annotated[SigningKeys, provide(SigningKeys)]
Kid = Annotated[str, Path(max_length=64, description="An RFC 7638 thumbprint")]
Reader = Annotated[Principal, requires("admin:signing-keys:read")]
Writer = Annotated[Principal, requires("admin:signing-keys:write", fresh=True)]


class SigningKeyBody(BaseModel):
    """A key, without its private half. It verifies until `retired_at`, or `retires_at` where that lies ahead."""

    kid: str
    algorithm: str
    state: Literal["next", "active", "retiring", "retired", "revoked"]
    created_at: str
    activated_at: str | None
    retires_at: str | None
    retired_at: str | None

    @classmethod
    def of(cls, key: KeyDescription) -> "SigningKeyBody":
        """The key as it is shown."""
        return cls(
            kid=key.kid,
            algorithm=key.algorithm.value,
            state=key.state.value,
            created_at=rfc3339(key.created_at),
            activated_at=rfc3339(key.activated_at),
            retires_at=rfc3339(key.retires_at),
            retired_at=rfc3339(key.retired_at),
        )


class SigningKeyPage(BaseModel):
    """Some keys, oldest first."""

    items: list[SigningKeyBody]
    next: str | None


class RotationRequest(Body):
    """Which key to rotate, and how long the former one verifies; by default as long as tokens live, or 900 s."""

    algorithm: Algorithm | None = Field(default=None, strict=False)
    overlap_seconds: int | None = Field(default=None, ge=0, le=MAX_OVERLAP_SECONDS)
    force: bool = False


class RotationBody(BaseModel):
    """What a rotation did. The active key signs from `signs_from`."""

    algorithm: str
    active_kid: str
    retiring_kid: str
    next_kid: str
    signs_from: str
    retires_at: str
    overlap_seconds: int


@router.get("", summary="The signing keys")
async def list_keys(
    keys: Keys, caller: Reader, paging: Paging, cursors: Annotated[Cursors, provide(Cursors)]
) -> SigningKeyPage:
    """Every key that ever was, oldest first. No private half is ever shown."""
    rows, bound_to = await keys.list_all(), ("signing-keys", caller.sub)
    page = cursors.page_of_all(rows, paging, name_of=lambda row: row.kid, bound_to=bound_to)
    return SigningKeyPage(items=[SigningKeyBody.of(row) for row in page.items], next=page.next)


@router.post("/rotate", summary="Rotate a signing key")
async def rotate(
    body: RotationRequest,
    rotation: Annotated[SigningKeyRotation, provide(SigningKeyRotation)],
    caller: Writer,
    origin: RequestOrigin,
) -> RotationBody:
    """Let the next key of an algorithm sign, which is published already, and publish a new next one."""
    done = await rotation.rotate(
        body.algorithm,
        overlap_seconds=body.overlap_seconds,
        force=body.force,
        actor=actor_of(caller),
        origin=origin,
    )
    return RotationBody(
        algorithm=done.algorithm.value,
        active_kid=done.active_kid,
        retiring_kid=done.former_kid,
        next_kid=done.next_kid,
        signs_from=rfc3339(done.signs_from),
        retires_at=rfc3339(done.retires_at),
        overlap_seconds=done.overlap_seconds,
    )


@router.post("/{kid}/retire", summary="Retire a signing key", status_code=204)
async def retire(
    kid: Kid,
    rotation: Annotated[SigningKeyRotation, provide(SigningKeyRotation)],
    caller: Writer,
    origin: RequestOrigin,
) -> None:
    """Take out a key that no honest token needs: the next one, or one that has long ceased to sign.

    Its private half is erased. Where it was the next one, another is published.
    """
    await rotation.retire(kid, actor=actor_of(caller), origin=origin)


@router.post("/{kid}/revoke", summary="Revoke a signing key", status_code=204)
async def revoke(
    kid: Kid, withdrawal: Annotated[KeyWithdrawal, provide(KeyWithdrawal)], caller: Writer, origin: RequestOrigin
) -> None:
    """Refuse everything that this key has signed, because somebody else may have it.

    Everybody whose token it signed must refresh, you too if it signed yours. Where it was the active one, the next one
    signs from now on.
    """
    await withdrawal.revoke(kid, actor=actor_of(caller), origin=origin)
