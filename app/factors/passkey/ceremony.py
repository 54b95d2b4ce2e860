"""What authenticators are asked, and what they answer, by the `webauthn` library, as values: no database, no clock.

Whatever is malformed is refused like whatever is forged. The library takes five megabytes with all that it reads for
attestations, so it is imported where somebody uses a passkey: `be_ready` first, which does that beside the event loop.
"""

import asyncio
import base64
import binascii
import hashlib
import importlib
import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.protocols.relying_party import RelyingParty
from app.users.user import User

if TYPE_CHECKING:
    from webauthn.helpers.structs import PublicKeyCredentialDescriptor

MAX_CREDENTIAL_ID_BYTES = 1023

TRANSPORTS = frozenset({"usb", "nfc", "ble", "smart-card", "hybrid", "internal", "cable"})
"""The ways to reach an authenticator, as the library knows them. Spec: WebAuthn §5.8.4."""
_is_ready = threading.Event()
# What the library lets through from the parsers below it, for bytes that are no CBOR, key or signature.
_MALFORMED = (ValueError, TypeError, KeyError, IndexError, AttributeError, EOFError, RecursionError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """What is known of a passkey before it answers."""

    public_key: bytes
    sign_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCredential:
    """What a registration proved."""

    credential_id: bytes
    public_key: bytes
    sign_count: int
    aaguid: str
    is_synced: bool
    is_backed_up: bool
    user_verified: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Asserted:
    """What an assertion proved."""

    sign_count: int
    is_backed_up: bool
    user_verified: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A passkey that a user has, as authenticators are told of it."""

    credential_id: bytes
    transports: Sequence[str]


async def be_ready() -> None:
    """Have the library at hand. Whoever uses one of the functions below that need it has awaited this before."""
    if not _is_ready.is_set():
        await asyncio.to_thread(_import)


def _import() -> None:
    importlib.import_module("webauthn")
    _is_ready.set()


def user_handle(sub: str) -> bytes:
    """What authenticators call a user: it tells nothing about them, and is the same for good. WebAuthn §14.6.1."""
    return hashlib.sha256(b"passkey user\0" + sub.encode()).digest()


def registration_options(
    user: User, challenge: bytes, party: RelyingParty, known: Sequence[Known], *, service_name: str, seconds: int
) -> Mapping[str, object]:
    """What `navigator.credentials.create` takes as `publicKey`. Spec: WebAuthn §5.4.

    A discoverable credential is asked for where the authenticator can make one, so that it opens a sign-in by itself.
    """
    import webauthn  # noqa: PLC0415
    from webauthn.helpers import structs  # noqa: PLC0415

    options = webauthn.generate_registration_options(
        rp_id=party.id,
        rp_name=service_name,
        user_id=user_handle(user.sub),
        user_name=user.email,
        user_display_name=user.name or user.email,
        challenge=challenge,
        timeout=seconds * 1000,
        authenticator_selection=structs.AuthenticatorSelectionCriteria(
            resident_key=structs.ResidentKeyRequirement.PREFERRED,
            user_verification=structs.UserVerificationRequirement.PREFERRED,
        ),
        exclude_credentials=_descriptors(known),
    )
    return _as_json(webauthn.options_to_json(options))


def sign_in_options(
    challenge: bytes, party: RelyingParty, known: Sequence[Known], *, user_verification: bool, seconds: int
) -> Mapping[str, object]:
    """What `navigator.credentials.get` takes as `publicKey`. Spec: WebAuthn §5.5."""
    import webauthn  # noqa: PLC0415
    from webauthn.helpers.structs import UserVerificationRequirement  # noqa: PLC0415

    needed = UserVerificationRequirement.REQUIRED if user_verification else UserVerificationRequirement.PREFERRED
    options = webauthn.generate_authentication_options(
        rp_id=party.id,
        challenge=challenge,
        timeout=seconds * 1000,
        allow_credentials=_descriptors(known),
        user_verification=needed,
    )
    return _as_json(webauthn.options_to_json(options))


def registered(
    answer: Mapping[str, object], challenge: bytes, party: RelyingParty, *, user_verification: bool
) -> NewCredential | None:
    """What an answer to `create` proves about a new credential; None for whatever is wrong. Spec: WebAuthn §7.1."""
    import webauthn  # noqa: PLC0415
    from webauthn.helpers.exceptions import WebAuthnException  # noqa: PLC0415
    from webauthn.helpers.structs import CredentialDeviceType  # noqa: PLC0415

    try:
        verified = webauthn.verify_registration_response(
            credential=dict(answer),
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            require_user_verification=user_verification,
        )
    except (WebAuthnException, *_MALFORMED):
        return None
    if len(verified.credential_id) > MAX_CREDENTIAL_ID_BYTES:
        return None
    return NewCredential(
        credential_id=verified.credential_id,
        public_key=verified.credential_public_key,
        sign_count=verified.sign_count,
        aaguid=verified.aaguid,
        is_synced=verified.credential_device_type is CredentialDeviceType.MULTI_DEVICE,
        is_backed_up=verified.credential_backed_up,
        user_verified=verified.user_verified,
    )


def asserted(
    answer: Mapping[str, object],
    challenge: bytes,
    party: RelyingParty,
    credential: Credential,
    *,
    user_verification: bool,
) -> Asserted | None:
    """What an answer to `get` proves; None for whatever is wrong. Spec: WebAuthn §7.2."""
    import webauthn  # noqa: PLC0415
    from webauthn.helpers.exceptions import WebAuthnException  # noqa: PLC0415

    try:
        verified = webauthn.verify_authentication_response(
            credential=dict(answer),
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            credential_public_key=credential.public_key,
            credential_current_sign_count=credential.sign_count,
            require_user_verification=user_verification,
        )
    except (WebAuthnException, *_MALFORMED):
        return None
    return Asserted(
        sign_count=verified.new_sign_count,
        is_backed_up=verified.credential_backed_up,
        user_verified=verified.user_verified,
    )


def challenge_in(answer: Mapping[str, object]) -> bytes | None:
    """The challenge that an answer says it answers."""
    client_data = _response_bytes(answer, "clientDataJSON")
    try:
        members = json.loads(client_data or b"")
    except (ValueError, RecursionError):
        return None
    return _decoded(members.get("challenge")) if isinstance(members, dict) else None


def credential_id_in(answer: Mapping[str, object]) -> bytes | None:
    """The credential that an assertion names."""
    credential_id = _decoded(answer.get("id"))
    return credential_id if credential_id and len(credential_id) <= MAX_CREDENTIAL_ID_BYTES else None


def handle_in(answer: Mapping[str, object]) -> bytes | None:
    """The user whom the authenticator says an assertion is of, where it says so."""
    return _response_bytes(answer, "userHandle") or None


def transports(answer: Mapping[str, object]) -> list[str]:
    """The ways to reach the authenticator that a registration names and that we know."""
    response = answer.get("response")
    named = response.get("transports") if isinstance(response, Mapping) else None
    return sorted({name for name in named if isinstance(name, str)} & TRANSPORTS) if isinstance(named, list) else []


def _descriptors(known: Sequence[Known]) -> "list[PublicKeyCredentialDescriptor]":
    from webauthn.helpers.structs import AuthenticatorTransport, PublicKeyCredentialDescriptor  # noqa: PLC0415

    return [
        PublicKeyCredentialDescriptor(
            id=one.credential_id, transports=[AuthenticatorTransport(name) for name in one.transports] or None
        )
        for one in known
    ]


def _as_json(text: str) -> Mapping[str, object]:
    value: dict[str, object] = json.loads(text)
    return value


def _response_bytes(answer: Mapping[str, object], member: str) -> bytes | None:
    response = answer.get("response")
    return _decoded(response.get(member)) if isinstance(response, Mapping) else None


def _decoded(value: object) -> bytes | None:
    if not isinstance(value, str):
        return None
    try:
        return base64.b64decode(value + "=" * (-len(value) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
