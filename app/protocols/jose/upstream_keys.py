"""The keys by which other issuers sign: more algorithms than our own, and as strict with each key.

Specs: RFC 7517 §5, RFC 7518 §3.1, RFC 8037 §3.1, RFC 8725 §3.1.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.exceptions import UnsupportedAlgorithm
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from app.protocols.jose import base64url
from app.protocols.jose.jwk import MAX_RSA_BITS, MIN_RSA_BITS, UnsuitableKey

MAX_KEYS = 64
MAX_KID_CHARACTERS = 256
_MIN_RSA_EXPONENT = 65537
_OF_RSA = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
# RFC 9864 gave EdDSA with this curve a name of its own.
_OF_CURVE: Mapping[tuple[str, str], frozenset[str]] = {
    ("EC", "P-256"): frozenset({"ES256"}),
    ("EC", "P-384"): frozenset({"ES384"}),
    ("EC", "P-521"): frozenset({"ES512"}),
    ("OKP", "Ed25519"): frozenset({"EdDSA", "Ed25519"}),
}
ALGORITHMS = _OF_RSA.union(*_OF_CURVE.values())
"""Each of them asymmetric: what a public key verifies, a public key cannot forge."""

_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_KINDS: Mapping[str, tuple[type[RSAKey] | type[ECKey] | type[OKPKey], tuple[str, ...]]] = {
    "RSA": (RSAKey, ("n", "e")),
    "EC": (ECKey, ("crv", "x", "y")),
    "OKP": (OKPKey, ("crv", "x")),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamKey:
    """A public key of somebody else. `issuer` is the one it is limited to, as Entra's keys are."""

    kid: str | None
    algorithms: frozenset[str]
    issuer: str | None = None
    key: RSAKey | ECKey | OKPKey = field(repr=False)

    def accepts(self, alg: str, signing_input: bytes, signature: bytes) -> bool:
        """Whether the signature is this key's over that input. An algorithm of another kind of key never is."""
        if alg not in self.algorithms:
            return False
        model = JWSRegistry.algorithms["EdDSA" if alg == "Ed25519" else alg]
        return model.verify(signing_input, signature, self.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamKeySet:
    """The usable keys of a set, and why the others are passed over: by `kid`, or by place where there is none."""

    keys: tuple[UpstreamKey, ...]
    passed_over: Mapping[str, str]

    def named(self, kid: str | None, alg: str) -> UpstreamKey | None:
        """The key of that name. Without a name: the one key of that algorithm, None where there are more.

        Spec: OpenID Connect Core §10.1.
        """
        if kid is not None:
            return next((key for key in self.keys if key.kid == kid), None)
        fitting = [key for key in self.keys if alg in key.algorithms]
        return fitting[0] if len(fitting) == 1 else None


def read_upstream_keys(document: object) -> UpstreamKeySet:
    """The keys for signatures of a set; those that we cannot or will not use are passed over.

    Raises UnsuitableKey where it is no set, publishes a secret, names two keys alike, or leaves none.
    """
    listed = document.get("keys") if isinstance(document, Mapping) else None
    if not isinstance(listed, list) or not 0 < len(listed) <= MAX_KEYS:
        raise UnsuitableKey(f'is no JSON object with 1 to {MAX_KEYS} "keys"')
    keys: list[UpstreamKey] = []
    passed_over: dict[str, str] = {}
    for place, members in enumerate(listed):
        if not isinstance(members, Mapping):
            raise UnsuitableKey("holds a key that is no object")
        if members.get("kty") == "oct" or _PRIVATE & members.keys():
            raise UnsuitableKey("publishes a private or symmetric key: whoever read it can sign")
        try:
            keys.append(_read(members))
        except UnsuitableKey as error:
            passed_over[str(members.get("kid", f"key {place + 1}"))[:MAX_KID_CHARACTERS]] = str(error)
    names = [key.kid for key in keys if key.kid is not None]
    if len(set(names)) != len(names):
        raise UnsuitableKey("has two keys of one kid")
    if not keys:
        raise UnsuitableKey(f"has no usable key: {'; '.join(passed_over.values())}"[:400])
    return UpstreamKeySet(keys=tuple(keys), passed_over=passed_over)


def _read(members: Mapping[str, object]) -> UpstreamKey:
    kty, crv, kid, issuer = (members.get(name) for name in ("kty", "crv", "kid", "issuer"))
    if members.get("use", "sig") != "sig":
        raise UnsuitableKey("is not for signatures")
    operations = members.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        raise UnsuitableKey("is not for verifying")
    if kid is not None and not (isinstance(kid, str) and 0 < len(kid) <= MAX_KID_CHARACTERS):
        raise UnsuitableKey("has a kid that is no text")
    if not isinstance(kty, str) or not isinstance(crv, str | None):
        raise UnsuitableKey("is of no kind")
    fitting = _OF_RSA if kty == "RSA" else _OF_CURVE.get((kty, crv or ""), frozenset())
    if not fitting:
        raise UnsuitableKey(f"is of a kind that is not verified here: {kty} {crv or ''}"[:80].rstrip())
    alg = members.get("alg")
    if alg is not None and not (isinstance(alg, str) and alg in fitting):
        raise UnsuitableKey(f"is for {str(alg)[:40]}, which a key of its kind cannot serve here")
    if kty == "RSA":
        _check_rsa(members)
    algorithms = fitting if alg is None or kty != "RSA" else frozenset({str(alg)})
    limited_to = issuer if isinstance(issuer, str) else None
    return UpstreamKey(kid=kid, algorithms=algorithms, issuer=limited_to, key=_imported(kty, members))


def _check_rsa(members: Mapping[str, object]) -> None:
    """Measured before the library sees it: reading and using a huge key costs what its size says."""
    modulus, exponent = (_number(members.get(name)) for name in ("n", "e"))
    if not MIN_RSA_BITS <= modulus.bit_length() <= MAX_RSA_BITS:
        raise UnsuitableKey(f"is RSA of {modulus.bit_length()} bits; {MIN_RSA_BITS} to {MAX_RSA_BITS} will do")
    if not _MIN_RSA_EXPONENT <= exponent < 2**33:
        raise UnsuitableKey(f"is RSA with a public exponent outside {_MIN_RSA_EXPONENT} to 2^33")


def _number(value: object) -> int:
    if not isinstance(value, str) or not value.isascii():
        raise UnsuitableKey("cannot be read")
    try:
        return int.from_bytes(base64url.decode(value.encode()), "big")
    except base64url.NotCanonical as error:
        raise UnsuitableKey("cannot be read") from error


def _imported(kty: str, members: Mapping[str, object]) -> RSAKey | ECKey | OKPKey:
    kind, names = _KINDS[kty]
    try:
        # Only the public members reach the library; whatever stands beside them is ignored.
        found = {name: value for name in names if isinstance(value := members.get(name), str)}
        key = kind.import_key({"kty": kty, **found})
        _ = key.public_key
    except (JoseError, ValueError, TypeError, KeyError, OverflowError, UnsupportedAlgorithm) as error:
        raise UnsuitableKey("cannot be read") from error
    return key
