"""Signing and verifying with one key and its one algorithm. Spec: RFC 7515 §5, RFC 8725 §3.1."""

from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from app.protocols.jose import base64url
from app.protocols.jose.compact import write_object
from app.protocols.jose.jwk import PrivateKey, PublicKey, algorithm_for


class Signer:
    """A private key prepared for signing, so that a signature costs little more than its cryptography."""

    def __init__(self, key: PrivateKey, *, kid: str) -> None:
        self.algorithm = algorithm_for(key)
        self.kid = kid
        self._model = JWSRegistry.algorithms[self.algorithm]
        self._key = _jose_key(key)
        self._model.check_key(self._key)
        self._headers: dict[str, bytes] = {}

    def sign(self, claims: Mapping[str, object], *, typ: str) -> str:
        """A compact token. Raises ValueError for claims that are no JSON."""
        # A dozen types of tokens exist, so the encoded headers are kept.
        header = self._headers.get(typ)
        if header is None:
            header = base64url.encode(write_object({"alg": self.algorithm.value, "kid": self.kid, "typ": typ}))
            self._headers[typ] = header
        signing_input = header + b"." + base64url.encode(write_object(claims))
        signature = self._model.sign(signing_input, self._key)
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
