"""Private keys as an operator puts them in the place of a secret, and what a provider reads by them."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

KINDS = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")


def new_private_key(kind: str = "ES256") -> Any:
    if kind in ("RS256", "PS256"):
        return rsa.generate_private_key(65537, 2048)
    return ec.generate_private_key(ec.SECP256R1()) if kind == "ES256" else ed25519.Ed25519PrivateKey.generate()


def pem(key: Any, *, passphrase: bytes | None = None, form: PrivateFormat = PrivateFormat.PKCS8) -> str:
    encryption = NoEncryption() if passphrase is None else BestAvailableEncryption(passphrase)
    return key.private_bytes(Encoding.PEM, form, encryption).decode()


def certificate(key: Any) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "auth.example.com")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=365))
    return builder.sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else SHA256())


def read(assertion: str, keys: list[dict[str, str]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims, as whoever has these public keys reads them."""
    signing_input, _, signature = assertion.rpartition(".")
    header, claims = (json.loads(decoded(part)) for part in signing_input.split("."))
    found = [key for key in keys if header.get("kid", key["kid"]) == key["kid"]]
    assert found, "a key that was never published"
    public = KINDS[found[0]["kty"]].import_key(dict(found[0]))
    assert JWSRegistry.algorithms[header["alg"]].verify(signing_input.encode(), decoded(signature), public)
    return header, claims


def decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
