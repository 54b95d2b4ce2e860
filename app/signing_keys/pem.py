"""Reading the key that the operator gives in the settings."""

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from app.foundation.errors import StartupRefused
from app.protocols.jose.jwk import PrivateKey, PublicKey, UnsuitableKey, algorithm_for
from app.signing_keys.material import KeyMaterial, material_of
from app.signing_keys.settings import KeySettings

_PRIVATE, _PUBLIC = "JWT__PRIVATE_KEY_PEM", "JWT__PUBLIC_KEY_PEM"
_EXAMPLE = "Example: `openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out key.pem`, then give the file "
_CURE = _EXAMPLE + f"by {_PRIVATE}_FILE=key.pem."


def read_given_key(settings: KeySettings) -> KeyMaterial | None:
    """The key in `JWT__PRIVATE_KEY_PEM`, or None when there is none.

    Raises StartupRefused for a key that is unreadable, encrypted, weak or of another kind than `JWT__ALGORITHM`,
    and for a public key alone or of another pair.
    """
    private_pem = settings.private_key_pem.get_secret_value().strip() if settings.private_key_pem else ""
    if not private_pem:
        if settings.public_key_pem:
            raise StartupRefused(
                f"{_PUBLIC} is set without {_PRIVATE}. A public key alone cannot sign: give its private half too, "
                f"or remove {_PUBLIC}."
            )
        return None
    material = material_of(_read_private(private_pem))
    if material.algorithm != settings.algorithm:
        raise StartupRefused(
            f"{_PRIVATE} holds a key for {material.algorithm.value}, but JWT__ALGORITHM is "
            f"{settings.algorithm.value}, so that it would not sign. Set JWT__ALGORITHM={material.algorithm.value}, "
            f"or give a key for {settings.algorithm.value}."
        )
    if settings.public_key_pem:
        _check_pair(material, settings.public_key_pem)
    return material


def _read_private(pem: str) -> PrivateKey:
    try:
        key = load_pem_private_key(_encoded(pem), password=None)
        algorithm_for(key)
    except TypeError:
        raise StartupRefused(
            f"{_PRIVATE} is encrypted with a passphrase. Give the key without one, best by {_PRIVATE}_FILE."
        ) from None
    except UnsuitableKey as error:
        raise StartupRefused(f"{_PRIVATE} {error}. {_CURE}") from None
    except (ValueError, UnsupportedAlgorithm):
        # Nothing of the cause is passed on: it may quote what was given.
        raise StartupRefused(f"{_PRIVATE} is not a private key in PEM form. {_CURE}") from None
    return key  # type: ignore[return-value]  # algorithm_for refused every other kind


def _check_pair(material: KeyMaterial, public_pem: str) -> None:
    try:
        public = load_pem_public_key(_encoded(public_pem))
    except (ValueError, UnsupportedAlgorithm):
        raise StartupRefused(
            f"{_PUBLIC} is not a public key in PEM form. It is not needed: remove it, or make it from the private key "
            "with `openssl pkey -in key.pem -pubout`."
        ) from None
    if _spki(public) != _spki(material.private_key.public_key()):  # type: ignore[arg-type]  # any kind compares
        raise StartupRefused(
            f"{_PUBLIC} does not belong to {_PRIVATE}. It is not needed: remove it, or make it from the private key "
            "with `openssl pkey -in key.pem -pubout`."
        )


def _spki(key: PublicKey) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _encoded(pem: str) -> bytes:
    # Environment files often hold a PEM on one line, with a backslash and an n for each line's end.
    return pem.replace("\\n", "\n").encode()
