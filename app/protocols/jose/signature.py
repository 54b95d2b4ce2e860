"""Signing and verifying with one key and its one algorithm. Spec: RFC 7515 §5, RFC 8725 §3.1."""

from collections.abc import Callable, Mapping
from functools import partial

from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from app.protocols.jose import base64url
from app.protocols.jose.compact import write_object
from app.protocols.jose.jwk import PrivateKey, PublicKey, algorithm_for

_ES256 = ECDSA(SHA256())
_P256_BYTES = 32


class Signer:
    """A private key prepared for signing, so that a signature costs little more than its cryptography."""

    def __init__(self, key: PrivateKey, *, kid: str) -> None:
        self.algorithm = algorithm_for(key)
        self.kid = kid
        model = JWSRegistry.algorithms[self.algorithm]
        jose_key = _jose_key(key)
        model.check_key(jose_key)
        # The library's own way to a signature by P-256 costs a quarter more than the signature.
        self._sign: Callable[[bytes], bytes] = lambda content: model.sign(content, jose_key)
        if isinstance(key, EllipticCurvePrivateKey):
            self._sign = partial(_sign_by_p256, key)
        self._headers: dict[str, bytes] = {}

    def sign(self, claims: Mapping[str, object], *, typ: str) -> str:
        """A compact token. Raises ValueError for claims that are no JSON."""
        # A dozen types of tokens exist, so the encoded headers are kept.
        header = self._headers.get(typ)
        if header is None:
            header = base64url.encode(write_object({"alg": self.algorithm.value, "kid": self.kid, "typ": typ}))
            self._headers[typ] = header
        signing_input = header + b"." + base64url.encode(write_object(claims))
        signature = self._sign(signing_input)
        return (signing_input + b"." + base64url.encode(signature)).decode()


class Verifier:
    """A public key prepared for verifying."""

    def __init__(self, key: PublicKey) -> None:
        self.algorithm = algorithm_for(key)
        self._model = JWSRegistry.algorithms[self.algorithm]
        self._key = _jose_key(key)
        self._model.check_key(self._key)

    def accepts(self, signing_input: bytes, signature: bytes) -> bool:
        """Whether the signature is this key's, by this key's algorithm, over that input."""
        return self._model.verify(signing_input, signature, self._key)


def _jose_key(key: PrivateKey | PublicKey) -> RSAKey | ECKey | OKPKey:
    if isinstance(key, RSAPrivateKey | RSAPublicKey):
        return RSAKey(key, key)
    if isinstance(key, EllipticCurvePrivateKey | EllipticCurvePublicKey):
        return ECKey(key, key)
    return OKPKey(key, key)


def _sign_by_p256(key: EllipticCurvePrivateKey, content: bytes) -> bytes:
    """Both numbers of the signature, one after the other. Spec: RFC 7518 §3.4."""
    r, s = decode_dss_signature(key.sign(content, _ES256))
    return r.to_bytes(_P256_BYTES, "big") + s.to_bytes(_P256_BYTES, "big")
