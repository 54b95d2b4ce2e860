"""Our key pair: it signs what we ask, and opens what was encrypted for us. Its certificate signs itself.

Made once for a deployment, by whoever needs it first, so that every process and every release has the same.
"""

import asyncio
import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_der_private_key

from app.federation.saml import store
from app.foundation.clock import Clock
from app.foundation.db import Database
from app.foundation.encryption import DecryptionFailed, Keyring
from app.foundation.ids import new_id

# Providers write our certificate down by hand, and nobody looks at its end: a date would only be an outage.
_CERTIFICATE_YEARS = 20
# As our signing keys; a person may be waiting for the first one to be made.
_RSA_BITS = 2048
_KEPT = timedelta(seconds=60)
_PURPOSE = "saml key"
_MAX_NAME_CHARACTERS = 64


@dataclass(frozen=True, slots=True)
class OwnKey:
    """A key pair and its certificate."""

    certificate: x509.Certificate
    private_key: RSAPrivateKey = field(repr=False)


class OwnKeys:
    """The key pairs of this deployment, the newest first."""

    def __init__(self, db: Database, clock: Clock, keyring: Keyring, *, public_url: str) -> None:
        self._db = db
        self._clock = clock
        self._keyring = keyring
        self._host = urlsplit(public_url).hostname or "localhost"
        self._read: tuple[datetime, tuple[OwnKey, ...]] | None = None

    async def all(self) -> tuple[OwnKey, ...]:
        """Every key pair; the first signs. Makes the first one. Raises DatabaseUnavailable, DecryptionFailed."""
        now = self._clock.now()
        if self._read is not None and now - self._read[0] < _KEPT:
            return self._read[1]
        async with self._db.transaction() as tx:
            stored = await store.list_keys(tx)
        if not stored:
            stored = await self._establish(now)
        keys = tuple([self._opened(certificate, sealed) for certificate, sealed in stored])
        self._read = (now, keys)
        return keys

    async def _establish(self, now: datetime) -> list[tuple[bytes, bytes]]:
        made = await asyncio.to_thread(_make, self._host, now)
        certificate = made.certificate.public_bytes(Encoding.DER)
        encoded = made.private_key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        sealed = self._keyring.encrypt(encoded, purpose=_PURPOSE, bound_to=_bound_to(certificate))
        async with self._db.transaction() as tx:
            await store.lock(tx)
            if not await store.list_keys(tx):
                row = {"id": new_id(now), "certificate": certificate, "private_key": sealed, "created_at": now}
                await store.add_key(tx, row)
            return await store.list_keys(tx)

    def _opened(self, certificate: bytes, sealed: bytes) -> OwnKey:
        encoded = self._keyring.decrypt(sealed, purpose=_PURPOSE, bound_to=_bound_to(certificate))
        try:
            # The seal already proves that these are the bytes we wrote.
            key = load_der_private_key(encoded, password=None, unsafe_skip_rsa_key_validation=True)
        except ValueError as error:
            raise DecryptionFailed(detail="what is sealed as a key of SAML is none") from error
        if not isinstance(key, RSAPrivateKey):
            raise DecryptionFailed(detail="what is sealed as a key of SAML is of another kind")
        return OwnKey(x509.load_der_x509_certificate(certificate), key)


def _bound_to(certificate: bytes) -> str:
    """A private half opens beside its own certificate alone."""
    return hashlib.sha256(certificate).hexdigest()


def _make(host: str, now: datetime) -> OwnKey:
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
