"""Reading the public keys of others: a JSON Web Key Set in a document of theirs. Spec: RFC 7517 §5."""

from collections.abc import Mapping
from typing import NamedTuple, cast

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from app.protocols.jose.algorithms import Algorithm
from app.protocols.jose.jwk import PublicKey, UnsuitableKey
from app.protocols.jose.signature import Verifier

MAX_KEYS = 20
MAX_KID_CHARACTERS = 256
_KINDS: Mapping[str, type[RSAKey] | type[ECKey] | type[OKPKey]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
# RFC 9864 gave EdDSA with this curve a name of its own.
_OTHER_NAMES = {Algorithm.EDDSA: ("Ed25519",)}
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


class TheirKey(NamedTuple):
    """A public key of somebody else, ready to verify; `kid` is their name for it, if they gave one."""

    kid: str | None
    verifier: Verifier


def read_key_set(document: object, *, strict: bool) -> tuple[TheirKey, ...]:
    """The keys for signatures of a set. Raises UnsuitableKey where it is none, holds a secret, or names keys alike.

    With `strict` a key that we cannot use is a fault; else it is passed over, as a set at an address may hold others.
    """
    keys = document.get("keys") if isinstance(document, Mapping) else None
    if not isinstance(keys, list) or not 0 < len(keys) <= MAX_KEYS:
        raise UnsuitableKey(f'is no JSON object with 1 to {MAX_KEYS} "keys"')
    found: list[TheirKey] = []
    for members in keys:
        try:
            found.append(_read(members))
        except UnsuitableKey:
            if strict or (isinstance(members, Mapping) and _PRIVATE & members.keys()):
                raise
    names = [key.kid for key in found]
    if len(set(names)) != len(names):
        raise UnsuitableKey("has two keys of one kid, or without one")
    return tuple(found)


def _read(members: object) -> TheirKey:
    if not isinstance(members, Mapping):
        raise UnsuitableKey("holds a key that is no object")
    if _PRIVATE & members.keys():
        raise UnsuitableKey("holds a private or symmetric key: only public halves belong here")
    kind = _KINDS.get(str(members.get("kty")))
    if kind is None or members.get("use", "sig") != "sig":
        raise UnsuitableKey("holds a key that is not for signatures by RSA, P-256 or Ed25519")
    kid = members.get("kid")
    if kid is not None and not (isinstance(kid, str) and 0 < len(kid) <= MAX_KID_CHARACTERS):
        raise UnsuitableKey("holds a key whose kid is no text")
    try:
        key = kind.import_key({name: value for name, value in members.items() if isinstance(value, str)})
        # joserfc's kinds are wider than ours: what the verifier does not take, it refuses.
        verifier = Verifier(cast("PublicKey", key.public_key))
    except UnsuitableKey as error:
        raise UnsuitableKey(f"holds a key that {error}") from error
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise UnsuitableKey("holds a key that cannot be read") from error
    names = {verifier.algorithm.value, *_OTHER_NAMES.get(verifier.algorithm, ())}
    if members.get("alg", verifier.algorithm.value) not in names:
        raise UnsuitableKey(f"holds a key for another algorithm than {verifier.algorithm.value}")
    return TheirKey(kid, verifier)
