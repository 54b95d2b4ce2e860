"""Reading and verifying what an authenticator answers, by the `webauthn` library, as values: no database, no clock.

Whatever is malformed is refused like whatever is forged.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

import webauthn
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import AuthenticatorTransport, CredentialDeviceType

from app.protocols.relying_party import RelyingParty

MAX_CREDENTIAL_ID_BYTES = 1023

_TRANSPORTS = frozenset(transport.value for transport in AuthenticatorTransport)
# What the library lets through from the parsers below it, for bytes that are no CBOR, key or signature.
_MALFORMED = (WebAuthnException, ValueError, TypeError, KeyError, IndexError, AttributeError, EOFError, RecursionError)


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


def user_handle(sub: str) -> bytes:
    """What authenticators call a user: it tells nothing about them, and is the same for good. WebAuthn §14.6.1."""
    return hashlib.sha256(b"passkey user\0" + sub.encode()).digest()


def registered(
    answer: Mapping[str, object], challenge: bytes, party: RelyingParty, *, user_verification: bool
) -> NewCredential | None:
    """What an answer to `create` proves about a new credential; None for whatever is wrong. Spec: WebAuthn §7.1."""
    try:
        verified = webauthn.verify_registration_response(
            credential=dict(answer),
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            require_user_verification=user_verification,
        )
    except _MALFORMED:
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
    except _MALFORMED:
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
    return sorted({name for name in named if isinstance(name, str)} & _TRANSPORTS) if isinstance(named, list) else []


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
