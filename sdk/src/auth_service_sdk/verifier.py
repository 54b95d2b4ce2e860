"""The rules of an access token, as pure functions of its claims, its signature and the time."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import Key

from auth_service_sdk.errors import InvalidToken
from auth_service_sdk.gate import FOREIGN_ALGORITHMS, ParsedToken, shown

Clock = Callable[[], float]
"""Tells the time in seconds since 1970."""

MAX_SUBJECT_CHARACTERS = 255
MAX_LEEWAY_SECONDS = 30
_MAX_NUMBER = 2**53

# Taken from the table rather than by `get_alg`: that call warns about the name EdDSA for each token it sees.
_ALGORITHMS = {name: jws.JWSRegistry.algorithms[name] for name in FOREIGN_ALGORITHMS}
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Expectations:
    """What a token must say to be accepted here. `issuer` is compared as a whole string."""

    issuer: str
    audiences: frozenset[str]
    leeway_seconds: int = MAX_LEEWAY_SECONDS


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One public key of the issuer, good for exactly one algorithm. `thumbprint` tells keys of one `kid` apart."""

    kid: str
    alg: str
    key: Key
    thumbprint: str


def check_claims(claims: dict[str, Any], expected: Expectations, now: float) -> None:
    """Refuse a token that is not for us, not from our issuer, not of this time, or not sane.

    Raises InvalidToken with what was expected and what came. Spec: RFC 9068 §4, RFC 8725 §3.
    """
    _check_origin(claims, expected)
    check_times(claims, now, expected.leeway_seconds)
    for name, is_sane, wanted in _SHAPES:
        if name in claims and not is_sane(claims[name]):
            raise InvalidToken(f"expected {name} to be {wanted}, token has {shown(claims[name])}")
    if "cnf" in claims:
        # A bound token without its proof is a stolen one; proofs are not understood here yet.
        raise InvalidToken("the token is bound to a key (cnf) and no valid proof came with it")


def check_signature(token: ParsedToken, key: SigningKey) -> None:
    """Verify the signature with the key its `kid` names. Raises InvalidToken.

    The algorithm is the key's; a header that says another one is refused. Spec: RFC 8725 §3.1.
    """
    if token.alg != key.alg:
        raise InvalidToken(f"expected alg {key.alg} for the key {shown(key.kid)}, token has {token.alg}")
    try:
        genuine = _ALGORITHMS[key.alg].verify(token.signing_input, token.signature, key.key)
    except (JoseError, ValueError):
        genuine = False
    if not genuine:
        raise InvalidToken("the signature does not fit")


def _check_origin(claims: dict[str, Any], expected: Expectations) -> None:
    issuer = claims.get("iss")
    if issuer != expected.issuer:
        raise InvalidToken(f"expected issuer {expected.issuer}, token has {shown(issuer)}", misconfigured=True)
    check_audience(claims.get("aud"), expected.audiences)
    check_subject(claims.get("sub"))


def check_audience(audience: Any, accepted: frozenset[str]) -> None:
    """Refuse a token for nobody here. Raises InvalidToken. Spec: RFC 7519 §4.1.3."""
    named: Any = [audience] if isinstance(audience, str) else audience
    if not _is_strings(named) or accepted.isdisjoint(named):
        wanted = " or ".join(sorted(accepted))
        came = audience if isinstance(audience, str) and _CONTROL.search(audience) is None else shown(audience)
        raise InvalidToken(f"expected audience {wanted}, token has {came[:200]}", misconfigured=True)


def check_subject(subject: Any) -> None:
    """Refuse a subject that is no plain name. Raises InvalidToken."""
    check_name("a sub", subject)


def check_name(claim: str, value: Any) -> None:
    """Refuse what is no plain name of at most MAX_SUBJECT_CHARACTERS. Raises InvalidToken."""
    if not _is_name(value) or len(value) > MAX_SUBJECT_CHARACTERS:
        raise InvalidToken(f"expected {claim} of 1 to {MAX_SUBJECT_CHARACTERS} plain characters, got {shown(value)}")


def check_times(claims: dict[str, Any], now: float, leeway: int) -> None:
    """Refuse a token that is not of this time, or whose times are no whole seconds. Raises InvalidToken."""
    for name in ("exp", "iat"):
        if name not in claims:
            raise InvalidToken(f"expected the claim {name}, token has none")
    for name in ("exp", "iat", "nbf", "auth_time"):
        value = claims.get(name, 0)
        # bool is an int in Python: `true` would be the first second of 1970.
        if type(value) is not int or not 0 <= value <= _MAX_NUMBER:
            raise InvalidToken(f"expected {name} to be whole seconds since 1970, token has {shown(value)}")
        if name != "exp" and value > now + leeway:
            raise InvalidToken(f"expected {name} not to lie ahead, token has {value}, now is {int(now)}")
    if claims["exp"] + leeway <= now:
        raise InvalidToken(f"expected a token that has not expired, exp is {claims['exp']}, now is {int(now)}")


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and value != "" and _CONTROL.search(value) is None


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and _CONTROL.search(value) is None


def _is_strings(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_actor(value: Any) -> bool:
    return isinstance(value, Mapping) and _is_name(value.get("sub"))


_SHAPES: tuple[tuple[str, Callable[[Any], bool], str], ...] = (
    ("scope", _is_text, "a string of scopes"),
    ("roles", _is_strings, "a list of strings"),
    ("permissions", _is_strings, "a list of strings"),
    ("amr", _is_strings, "a list of strings"),
    ("acr", _is_text, "a string"),
    ("sid", _is_name, "a plain string"),
    ("client_id", _is_name, "a plain string"),
    ("grant_id", _is_name, "a plain string"),
    ("jti", _is_name, "a plain string"),
    ("email", _is_text, "a string"),
    ("org_id", _is_name, "a plain string"),
    ("act", _is_actor, "an object with a sub"),
)
