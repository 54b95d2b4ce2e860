"""Key pairs: made, sealed for storage, opened again."""

import asyncio
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_der_private_key

from app.foundation.encryption import DecryptionFailed, Keyring
from app.protocols.jose.algorithms import Algorithm
from app.protocols.jose.jwk import PrivateKey, UnsuitableKey, algorithm_for, public_jwk

# 112 bits of strength, which NIST accepts to 2030 and every verifier out there can check; an overlap of minutes
# makes the change to a larger size a matter of one rotation.
RSA_BITS = 2048
_RSA_EXPONENT = 65537
_PURPOSE = "signing-key"


@dataclass(frozen=True, slots=True, repr=False)
class KeyMaterial:
    """A private key with what is published of it. `public_jwk` has no private member."""

    kid: str
    algorithm: Algorithm
    public_jwk: dict[str, str]
    private_key: PrivateKey

    def __repr__(self) -> str:
        return f"KeyMaterial(kid={self.kid!r}, algorithm={self.algorithm.value!r})"


def material_of(private_key: PrivateKey) -> KeyMaterial:
    """Name a key by its thumbprint. Raises UnsuitableKey."""
    jwk = public_jwk(private_key.public_key())
    return KeyMaterial(jwk["kid"], algorithm_for(private_key), jwk, private_key)


async def generate(algorithm: Algorithm) -> KeyMaterial:
    """Make a key, in a thread: an RSA key takes up to some hundred milliseconds."""
    return await asyncio.to_thread(_generate, algorithm)


def seal(material: KeyMaterial, keyring: Keyring) -> bytes:
    """The private half for storage: PKCS#8 DER, encrypted, and bound to its `kid`."""
    encoded = material.private_key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return keyring.encrypt(encoded, purpose=_PURPOSE, bound_to=material.kid)


def unseal(sealed: bytes, keyring: Keyring, *, kid: str) -> KeyMaterial:
    """A stored key. Raises DecryptionFailed, also when what was sealed is not the key of that name.

    The public half is derived here rather than read from its column: whoever can write rows and lacks the
    encryption key must not be able to add a key that verifies.
    """
    encoded = keyring.decrypt(sealed, purpose=_PURPOSE, bound_to=kid)
    try:
        # Checking an RSA key's primes again takes 40 ms; the seal already proves that these are the bytes we wrote.
        private_key = load_der_private_key(encoded, password=None, unsafe_skip_rsa_key_validation=True)
        algorithm_for(private_key)
    except (ValueError, UnsuitableKey) as error:
        raise DecryptionFailed(detail=f"what is sealed as signing key {kid} is no such key") from error
    material = material_of(private_key)  # type: ignore[arg-type]  # algorithm_for refused every other kind
    if material.kid != kid:
        raise DecryptionFailed(detail=f"what is sealed as signing key {kid} is another key")
    return material


def _generate(algorithm: Algorithm) -> KeyMaterial:
    match algorithm:
        case Algorithm.RS256:
            return material_of(generate_rsa(_RSA_EXPONENT, RSA_BITS))
        case Algorithm.ES256:
            return material_of(generate_ec(SECP256R1()))
        case Algorithm.EDDSA:
            return material_of(Ed25519PrivateKey.generate())
