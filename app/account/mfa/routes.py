"""`/auth/mfa/totp`, `/auth/mfa/passkeys` and `/auth/mfa/recovery-codes`."""

from typing import Annotated
from uuid import UUID

from app.account.mfa.schemas import (
    CodeBody,
    CreationOptions,
    NewPasskey,
    NewRecoveryCodes,
    PasskeyBody,
    PasskeyList,
    PasskeyName,
    RecoveryCodesState,
    RegisteredPasskey,
    TOTPSecret,
    TOTPState,
)
from app.account.mfa.service import OwnSecondFactors
from app.foundation.caller import Caller, RequestOrigin
from app.foundation.clock import rfc3339
from app.foundation.provide import provide
from app.foundation.routing import Router

router = Router(tags=["second factors"], prefix="/auth/mfa")

Own = Annotated[OwnSecondFactors, provide(OwnSecondFactors)]


@router.get("/totp", summary="Whether an authenticator app is enrolled")
async def totp(own: Own, caller: Caller) -> TOTPState:
    """Never its secret."""
    at = await own.totp_confirmed_at(caller)
    return TOTPState(enrolled=at is not None, confirmed_at=rfc3339(at))


@router.post("/totp", summary="Begin to enrol an authenticator app", status_code=201)
async def enrol_totp(own: Own, caller: Caller) -> TOTPSecret:
    """The secret, its URI and a QR code, shown once. It counts when a code confirms it. Needs a fresh sign-in."""
    return TOTPSecret(**(await own.enrol_totp(caller)).as_json())


@router.post("/totp/confirm", summary="Confirm an authenticator app by a code of it")
async def confirm_totp(body: CodeBody, own: Own, caller: Caller, origin: RequestOrigin) -> NewRecoveryCodes:
    """From now on sign-ins ask for a code. With the first second factor come recovery codes, shown once."""
    enrolled = await own.confirm_totp(caller, body.code, origin)
    return NewRecoveryCodes(recovery_codes=list(enrolled.recovery_codes))


@router.delete("/totp", summary="Remove the authenticator app", status_code=204)
async def remove_totp(own: Own, caller: Caller, origin: RequestOrigin) -> None:
    """Other sessions end. Needs a fresh sign-in by a second factor; the last one stays where one is required."""
    await own.remove_totp(caller, origin)


@router.get("/passkeys", summary="The caller's passkeys")
async def passkeys(own: Own, caller: Caller) -> PasskeyList:
    """Oldest first; there are at most twenty."""
    return PasskeyList(items=[PasskeyBody.of(passkey) for passkey in await own.passkeys(caller)])


@router.post("/passkeys", summary="Begin to add a passkey", status_code=201)
async def begin_passkey(own: Own, caller: Caller) -> CreationOptions:
    """The `publicKey` of `navigator.credentials.create`, for five minutes. Needs a fresh sign-in."""
    return CreationOptions(publicKey=dict(await own.begin_passkey(caller)))


@router.post("/passkeys/confirm", summary="Add a passkey", status_code=201)
async def register_passkey(body: NewPasskey, own: Own, caller: Caller, origin: RequestOrigin) -> RegisteredPasskey:
    """Keep what `create` returned. With the first second factor come recovery codes, shown once."""
    enrolled = await own.register_passkey(caller, body.credential, name=body.name, origin=origin)
    if enrolled.passkey is None:
        raise RuntimeError("a registered passkey is always told")
    shown = PasskeyBody.of(enrolled.passkey)
    return RegisteredPasskey(**shown.model_dump(), recovery_codes=list(enrolled.recovery_codes))


@router.patch("/passkeys/{passkey_id}", summary="Rename a passkey")
async def rename_passkey(passkey_id: UUID, body: PasskeyName, own: Own, caller: Caller) -> PasskeyBody:
    """What its owner calls it, at most 64 characters are kept."""
    return PasskeyBody.of(await own.rename_passkey(caller, passkey_id, body.name))


@router.delete("/passkeys/{passkey_id}", summary="Remove a passkey", status_code=204)
async def remove_passkey(passkey_id: UUID, own: Own, caller: Caller, origin: RequestOrigin) -> None:
    """Other sessions end. Needs a fresh sign-in by a second factor; the last one stays where one is required."""
    await own.remove_passkey(caller, passkey_id, origin)


@router.get("/recovery-codes", summary="How many recovery codes are left")
async def recovery_codes(own: Own, caller: Caller) -> RecoveryCodesState:
    """Never which."""
    count = await own.recovery_codes(caller)
    at = count.created_at
    return RecoveryCodesState(remaining=count.remaining, created_at=rfc3339(at))


@router.post("/recovery-codes", summary="Make new recovery codes", status_code=201)
async def regenerate(own: Own, caller: Caller, origin: RequestOrigin) -> NewRecoveryCodes:
    """Ten, shown once; all old ones count no more. Needs a fresh sign-in by a second factor."""
    return NewRecoveryCodes(recovery_codes=list(await own.regenerate_recovery_codes(caller, origin)))
