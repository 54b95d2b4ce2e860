"""One key pair of ours and its certificate, which signs itself: made, sealed for the database, and opened again."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_der_private_key

from app.foundation.encryption import DecryptionFailed, Keyring

# Providers write our certificate down by hand, and nobody looks at its end: a date would only be an outage.
_CERTIFICATE_YEARS = 20
# As our signing keys; a person may be waiting for the first one to be made.
_RSA_BITS = 2048
_PURPOSE = "saml key"
_MAX_NAME_CHARACTERS = 64


@dataclass(frozen=True, slots=True)
class OwnKey:
    """A key pair and its certificate."""

    certificate: x509.Certificate
    private_key: RSAPrivateKey = field(repr=False)


@dataclass(frozen=True, slots=True)
class SealedKey:
    """A key pair as the database has it: the certificate is DER, the private half PKCS#8 DER, encrypted."""

    certificate: bytes
    private_key: bytes = field(repr=False)


class KeyState(StrEnum):
    """What a key pair is for."""

    NEXT = "next"
    """Published, so that providers know it before it signs."""
    ACTIVE = "active"
    """It signs, and providers are to encrypt for it."""
    RETIRING = "retiring"
    """It opens what is still encrypted for it, until its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredKey:
    """A key pair as it is kept."""

    id: UUID
    state: KeyState
    sealed: SealedKey = field(repr=False)
    created_at: datetime
    activated_at: datetime | None
    retires_at: datetime | None

    def is_over(self, now: datetime) -> bool:
        """Whether it opens nothing any more."""
        return self.retires_at is not None and self.retires_at <= now


def make_key(host: str, now: datetime) -> OwnKey:
    """A new key pair of the service at `host`. It takes a moment: call it in a thread."""
    key = generate_private_key(65537, _RSA_BITS)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host[:_MAX_NAME_CHARACTERS])])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365 * _CERTIFICATE_YEARS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    )
    return OwnKey(builder.sign(key, SHA256()), key)


def seal(key: OwnKey, keyring: Keyring) -> SealedKey:
    """The form in which it is stored."""
    certificate = key.certificate.public_bytes(Encoding.DER)
    encoded = key.private_key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return SealedKey(certificate, keyring.encrypt(encoded, purpose=_PURPOSE, bound_to=_bound_to(certificate)))


def unseal(stored: SealedKey, keyring: Keyring) -> OwnKey:
    """The key pair that was stored. Raises DecryptionFailed."""
    encoded = keyring.decrypt(stored.private_key, purpose=_PURPOSE, bound_to=_bound_to(stored.certificate))
    try:
        # The seal already proves that these are the bytes we wrote.
        key = load_der_private_key(encoded, password=None, unsafe_skip_rsa_key_validation=True)
    except ValueError as error:
        raise DecryptionFailed(detail="what is sealed as a key of SAML is none") from error
    if not isinstance(key, RSAPrivateKey):
        raise DecryptionFailed(detail="what is sealed as a key of SAML is of another kind")
    return OwnKey(x509.load_der_x509_certificate(stored.certificate), key)


def _bound_to(certificate: bytes) -> str:
    """A private half opens beside its own certificate alone."""
    return hashlib.sha256(certificate).hexdigest()
