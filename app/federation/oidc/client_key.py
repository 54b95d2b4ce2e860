"""The private keys by which we prove ourselves at a provider, and what is said by them in place of a secret.

They stand where a connection's secret would, as PEM: the first signs, and the public halves of all of them are
published, so that one can follow another. Specs: RFC 7523 §2.2, §3; OpenID Connect Core 1.0 §9.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from app.protocols.jose import base64url
from app.protocols.jose.compact import write_object
from app.protocols.jose.jwk import PrivateKey, UnsuitableKey, algorithm_for, public_jwk

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ALGORITHMS = ("ES256", "EdDSA", "PS256", "RS256")
LIFETIME = timedelta(seconds=60)
MAX_KEYS = 4
# A provider whose clock is behind ours would not believe us yet; Entra asks for the claim.
_LEEWAY = timedelta(seconds=30)
_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]{1,40})-----[^-]{1,16384}-----END \1-----")
_PRIVATE = "PRIVATE KEY"


class ClientKeyRefused(ValueError):
    """What stands in the place of the secret is no key that signs for us. The message says why, and quotes nothing."""


@dataclass(frozen=True, slots=True, repr=False)
class ClientKeys:
    """The private keys of a connection, the first of which signs, and the certificates that stand beside them."""

    private: tuple[PrivateKey, ...]
    certificates: tuple[x509.Certificate, ...] = field(default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What an assertion says: who we are there, to whom, and when. `jti` is its own alone."""

    client_id: str
    audience: str
    jti: str
    now: datetime

    def claims(self) -> Mapping[str, object]:
        """The claims of it. Spec: RFC 7523 §3."""
        issued = int(self.now.timestamp())
        return {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": self.audience,
            "jti": self.jti,
            "iat": issued,
            "nbf": issued - int(_LEEWAY.total_seconds()),
            "exp": issued + int(LIFETIME.total_seconds()),
        }


def is_private_key(secret: str) -> bool:
    """Whether a connection's secret is meant to be a private key in PEM."""
    return f"{_PRIVATE}-----" in secret


def read_client_keys(secret: str) -> ClientKeys:
    """The keys in the place of a connection's secret. Raises ClientKeyRefused."""
    private: list[PrivateKey] = []
    certificates: list[x509.Certificate] = []
    for block in _BLOCK.finditer(secret):
        if block[1].endswith(_PRIVATE):
            private.append(_private(block[0]))
        elif block[1] == "CERTIFICATE":
            certificates.append(_certificate(block[0]))
    if not 0 < len(private) <= MAX_KEYS:
        raise ClientKeyRefused(f"{len(private)} private keys in PEM; 1 to {MAX_KEYS} are wanted")
    return ClientKeys(tuple(private), tuple(certificates))


def algorithm_of(key: PrivateKey, *, chosen: str | None, offered: Sequence[str] | None) -> str:
    """What a key signs by: what is chosen, else what the provider takes. Raises ClientKeyRefused."""
    own = algorithm_for(key).value
    possible = ("RS256", "PS256") if isinstance(key, RSAPrivateKey) else (own,)
    if chosen is not None:
        if chosen not in possible:
            raise ClientKeyRefused(f"the key signs by {' or '.join(possible)}, not by {chosen}")
        return chosen
    if not offered:
        return own
    found = next((name for name in possible if name in offered), None)
    if found is None:
        raise ClientKeyRefused(f"the provider takes {', '.join(offered)[:200]}; the key signs by {possible[0]}")
    return found


def write_assertion(keys: ClientKeys, statement: Statement, *, algorithm: str, by_certificate: bool) -> str:
    """A signed statement of who we are. With `by_certificate` its key is named by its certificate's digest.

    Raises ClientKeyRefused where that is missing.
    """
    key = keys.private[0]
    header: dict[str, object] = {"alg": algorithm, "typ": "JWT"}
    if by_certificate:
        digest = hashlib.sha256(_certificate_of(keys).public_bytes(Encoding.DER)).digest()
        header["x5t#S256"] = base64url.encode(digest).decode()
    else:
        header["kid"] = public_jwk(key.public_key())["kid"]
    signing_input = base64url.encode(write_object(header)) + b"." + base64url.encode(write_object(statement.claims()))
    signature = JWSRegistry.algorithms[algorithm].sign(signing_input, _jose_key(key))
    return (signing_input + b"." + base64url.encode(signature)).decode()


def published_keys(keys: ClientKeys, *, chosen: str | None) -> list[dict[str, str]]:
    """The public halves, for the provider to fetch."""
    found = [public_jwk(key.public_key()) for key in keys.private]
    return [{**jwk, "alg": chosen} if chosen is not None and jwk["kty"] == "RSA" else jwk for jwk in found]


def _private(pem: str) -> PrivateKey:
    try:
        # The primes are the operator's own: to check them takes 40 ms of everybody's time at each sign-in.
        key = load_pem_private_key(pem.encode(), password=None, unsafe_skip_rsa_key_validation=True)
        algorithm_for(key)
    except UnsuitableKey as error:
        raise ClientKeyRefused(f"the key {error}") from None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ClientKeyRefused("the key cannot be read: PEM without a passphrase is wanted") from None
    return key  # type: ignore[return-value]  # algorithm_for refused every other kind


def _certificate(pem: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(pem.encode())
    except ValueError:
        raise ClientKeyRefused("a certificate beside the key cannot be read") from None


def _certificate_of(keys: ClientKeys) -> x509.Certificate:
    """The certificate of the key that signs."""
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    wanted = keys.private[0].public_key().public_bytes(*form)
    for certificate in keys.certificates:
        if certificate.public_key().public_bytes(*form) == wanted:
            return certificate
    raise ClientKeyRefused("the certificate of the key is wanted beside it: this provider knows keys by it")


def _jose_key(key: PrivateKey) -> RSAKey | ECKey | OKPKey:
    if isinstance(key, RSAPrivateKey):
        return RSAKey(key, key)
    return ECKey(key, key) if isinstance(key, EllipticCurvePrivateKey) else OKPKey(key, key)
