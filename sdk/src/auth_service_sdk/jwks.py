"""Reads a JSON Web Key Set: all of it is sound, or none of it is used."""

import json
from collections.abc import Collection
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from auth_service_sdk.gate import ALGORITHMS, MAX_KID_CHARACTERS, shown
from auth_service_sdk.verifier import SigningKey

MAX_JWKS_BYTES = 256 * 1024
"""A larger answer is not read to its end."""
MAX_KEYS = 64

_MIN_RSA_BITS, _MAX_RSA_BITS = 2048, 8192
_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
# For each key type and curve: the algorithms it may serve, and the public members it is built from.
_TYPES: dict[tuple[str, str | None], tuple[tuple[str, ...], type[RSAKey | ECKey | OKPKey], tuple[str, ...]]] = {
    ("RSA", None): (_RSA, RSAKey, ("n", "e")),
    ("EC", "P-256"): (("ES256",), ECKey, ("crv", "x", "y")),
    ("EC", "P-384"): (("ES384",), ECKey, ("crv", "x", "y")),
    ("EC", "P-521"): (("ES512",), ECKey, ("crv", "x", "y")),
    ("OKP", "Ed25519"): (("EdDSA",), OKPKey, ("crv", "x")),
}
# SecurityWarning: the library warns of short RSA keys, and a process may turn warnings into errors.
_MALFORMED = (JoseError, ValueError, TypeError, KeyError, OverflowError, UnsupportedAlgorithm, SecurityWarning)


class UnusableKeySet(Exception):  # what the answer is, not a fault of ours
    """The answer is no key set we may rely on; the message says why."""


def parse_key_set(
    status: int, body: bytes, *, algorithms: Collection[str] = ALGORITHMS, rsa_algorithm: str | None = "RS256"
) -> dict[str, SigningKey]:
    """Read the usable signing keys by `kid`. Keys of other types and uses are passed over (RFC 7517 §5).

    Each key is good for one of `algorithms`: the one its `alg` names, else the one of its curve, else `rsa_algorithm`.
    No token has a say in it. Spec: RFC 8725 §3.1.

    Raises UnusableKeySet when the answer is not a 200, the document is malformed, holds a private or symmetric
    key, repeats a `kid`, or has no key left that we can use.
    """
    if status != 200:
        raise UnusableKeySet(f"the answer has status {status}")
    try:
        document = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        raise UnusableKeySet("the answer is not JSON") from None
    jwks = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(jwks, list) or not all(isinstance(jwk, dict) for jwk in jwks):
        raise UnusableKeySet("the answer has no list of keys")
    if len(jwks) > MAX_KEYS:
        raise UnusableKeySet(f"the answer has {len(jwks)} keys, at most {MAX_KEYS} are read")
    keys: dict[str, SigningKey] = {}
    seen: set[str] = set()
    for jwk in jwks:
        if jwk.get("kty") == "oct" or not _PRIVATE_MEMBERS.isdisjoint(jwk):
            raise UnusableKeySet(f"the key {shown(jwk.get('kid'))} is secret and was published")
        kid = jwk.get("kid")
        if not isinstance(kid, str) or not 0 < len(kid) <= MAX_KID_CHARACTERS:
            continue
        if kid in seen:
            raise UnusableKeySet(f"the kid {shown(kid)} is given to two keys")
        seen.add(kid)
        key = _signing_key(kid, jwk, algorithms, rsa_algorithm)
        if key is not None:
            keys[kid] = key
    if not keys:
        raise UnusableKeySet(f"the answer has no key for {' or '.join(sorted(algorithms))} signatures")
    return keys


def _signing_key(
    kid: str, jwk: dict[str, Any], algorithms: Collection[str], rsa_algorithm: str | None
) -> SigningKey | None:
    kty, crv = jwk.get("kty"), jwk.get("crv")
    if not isinstance(kty, str) or not isinstance(crv, str | None):
        return None
    known = _TYPES.get((kty, crv))
    if known is None or jwk.get("use", "sig") != "sig":
        return None
    possible, key_class, members = known
    alg = jwk.get("alg", rsa_algorithm if kty == "RSA" else possible[0])
    operations = jwk.get("key_ops", ["verify"])
    if alg not in possible or alg not in algorithms or not isinstance(operations, list) or "verify" not in operations:
        return None
    try:
        # Only the public members reach the library; whatever else stands beside them is ignored.
        key: Key = key_class.import_key({"kty": kty, **{name: jwk[name] for name in members}})
        bits = key.public_key.key_size if isinstance(key, RSAKey) else _MIN_RSA_BITS
    except _MALFORMED as error:
        raise UnusableKeySet(f"the key {shown(kid)} is malformed: {type(error).__name__}") from None
    if not _MIN_RSA_BITS <= bits <= _MAX_RSA_BITS:
        raise UnusableKeySet(f"the RSA key {shown(kid)} has {bits} bits")
    return SigningKey(kid=kid, alg=alg, key=key, thumbprint=key.thumbprint())
