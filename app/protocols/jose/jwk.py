"""JSON Web Keys of the kinds we issue: RSA, P-256 and Ed25519. Specs: RFC 7517, RFC 7518 §6, RFC 8037 §2."""

import hashlib
from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from app.protocols.jose import base64url
from app.protocols.jose.algorithms import Algorithm
from app.protocols.jose.compact import write_object

PrivateKey = RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey
PublicKey = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey

MIN_RSA_BITS = 2048
# Verifying costs with the square of the size; nobody is served by keys beyond this.
MAX_RSA_BITS = 8192
_MIN_RSA_EXPONENT = 65537
_P256_COORDINATE_BYTES = 32

# The members that make up a thumbprint, in the order they are hashed. Spec: RFC 7638 §3.2, RFC 8037 §2.
_REQUIRED = {"RSA": ("e", "kty", "n"), "EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x")}


class UnsuitableKey(ValueError):
    """A key that we do not sign with. The message says why, and what would do."""


def algorithm_for(key: object) -> Algorithm:
    """The one algorithm that a key is for. Raises UnsuitableKey for weak keys, other curves and other kinds."""
    if isinstance(key, RSAPrivateKey | RSAPublicKey):
        return _rsa(key)
    if isinstance(key, EllipticCurvePrivateKey | EllipticCurvePublicKey):
        if not isinstance(key.curve, SECP256R1):
            raise UnsuitableKey(f"is on the curve {key.curve.name}; ES256 needs P-256 (prime256v1)")
        return Algorithm.ES256
    if isinstance(key, Ed25519PrivateKey | Ed25519PublicKey):
        return Algorithm.EDDSA
    raise UnsuitableKey("is of a kind that we do not sign with; RSA, P-256 and Ed25519 will do")


def public_jwk(key: PublicKey) -> dict[str, str]:
    """The members of a public key, `kid`, `alg` and `use` included. The `kid` is its thumbprint."""
    members = _members(key)
    return {**members, "kid": thumbprint(members), "alg": algorithm_for(key).value, "use": "sig"}


def thumbprint(jwk: Mapping[str, object]) -> str:
    """The SHA-256 thumbprint of a key, as base64url. Spec: RFC 7638 §3."""
    required = {name: jwk[name] for name in _REQUIRED[str(jwk["kty"])]}
    return base64url.encode(hashlib.sha256(write_object(required)).digest()).decode()


def _rsa(key: RSAPrivateKey | RSAPublicKey) -> Algorithm:
    public = key.public_key() if isinstance(key, RSAPrivateKey) else key
    if not MIN_RSA_BITS <= public.key_size <= MAX_RSA_BITS:
        raise UnsuitableKey(f"is RSA of {public.key_size} bits; {MIN_RSA_BITS} to {MAX_RSA_BITS} will do")
    if public.public_numbers().e < _MIN_RSA_EXPONENT:
        raise UnsuitableKey(f"is RSA with a public exponent below {_MIN_RSA_EXPONENT}")
    return Algorithm.RS256


def _members(key: PublicKey) -> dict[str, str]:
    if isinstance(key, RSAPublicKey):
        numbers = key.public_numbers()
        return {"kty": "RSA", "n": _unsigned(numbers.n), "e": _unsigned(numbers.e)}
    if isinstance(key, EllipticCurvePublicKey):
        point = key.public_numbers()
        x, y = (value.to_bytes(_P256_COORDINATE_BYTES, "big") for value in (point.x, point.y))
        return {"kty": "EC", "crv": "P-256", "x": _text(x), "y": _text(y)}
    return {"kty": "OKP", "crv": "Ed25519", "x": _text(key.public_bytes_raw())}


def _unsigned(number: int) -> str:
    """Base64urlUInt: the fewest bytes that hold the number. Spec: RFC 7518 §2."""
    return _text(number.to_bytes((number.bit_length() + 7) // 8, "big"))


def _text(value: bytes) -> str:
    return base64url.encode(value).decode()
