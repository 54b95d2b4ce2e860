"""A client's signed statement of who it is, in place of a secret. Spec: RFC 7523 §3, RFC 7521 §4.2."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.protocols.jose import base64url
from app.protocols.jose.claims import LEEWAY_SECONDS
from app.protocols.jose.compact import MalformedToken, read_object
from app.protocols.jose.key_set import TheirKey

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
MAX_BYTES = 8192
MAX_LIFETIME_SECONDS = 3600
MAX_JTI_CHARACTERS = 256
_LAST_MOMENT = 253_402_300_799
# Only these: whatever else would choose the key or change the meaning (jwk, jku, x5u, crit, b64, zip) is refused.
_HEADER_MEMBERS = frozenset({"alg", "kid", "typ", "x5t", "x5t#S256", "cty"})
_TYPES = frozenset({"jwt", "client-authentication+jwt"})


class AssertionRefused(ValueError):
    """The statement does not count. The message is for the log and quotes nothing of it."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Assertion:
    """A statement in its parts. Nothing in it is to be believed before its signature was checked."""

    alg: str
    kid: str | None
    claims: Mapping[str, Any]
    signing_input: bytes
    signature: bytes

    @property
    def client_id(self) -> str:
        """Whose it says it is; empty where it does not say."""
        sub = self.claims.get("sub")
        return sub if isinstance(sub, str) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SingleUse:
    """What makes a statement count once: its `jti`, until it would be refused anyway (a NumericDate)."""

    jti: str
    until: int


def read_assertion(text: str) -> Assertion:
    """Take a statement apart. Raises AssertionRefused."""
    if len(text) > MAX_BYTES or not text.isascii():
        raise AssertionRefused("longer than a statement may be, or not ASCII")
    parts = text.encode("ascii").split(b".")
    if len(parts) != 3:
        raise AssertionRefused("not three parts")
    try:
        header, payload, signature = (base64url.decode(part) for part in parts)
        members, claims = read_object(header), read_object(payload)
    except (base64url.NotCanonical, MalformedToken) as error:
        raise AssertionRefused("not canonical base64url of JSON objects") from error
    alg, kid, typ = members.get("alg"), members.get("kid"), members.get("typ", "JWT")
    if not members.keys() <= _HEADER_MEMBERS or not isinstance(alg, str) or not isinstance(kid, str | None):
        raise AssertionRefused("a header with other members than alg, kid and typ")
    if not isinstance(typ, str) or typ.lower().removeprefix("application/") not in _TYPES:
        raise AssertionRefused("typ is of another kind of token")
    signing_input = text[: len(parts[0]) + 1 + len(parts[1])].encode("ascii")
    return Assertion(alg=alg, kid=kid, claims=claims, signing_input=signing_input, signature=signature)


def is_signed_by(assertion: Assertion, keys: Sequence[TheirKey]) -> bool:
    """Whether one of the client's keys made the signature: the one that is named, or any where none is.

    The key says which algorithm holds; the header only has to agree. Spec: RFC 8725 §3.1.
    """
    named = [key for key in keys if assertion.kid is None or key.kid in (assertion.kid, None)]
    return any(
        key.verifier.algorithm == assertion.alg and key.verifier.accepts(assertion.signing_input, assertion.signature)
        for key in named
    )


def check_assertion(
    claims: Mapping[str, Any], *, client_id: str, audiences: Collection[str], now: datetime
) -> SingleUse:
    """Judge the claims of a statement whose signature holds. `audiences` are the names of this server.

    Raises AssertionRefused. Spec: RFC 7523 §3; a `jti` is required, so that each counts once.
    """
    if claims.get("iss") != client_id or claims.get("sub") != client_id:
        raise AssertionRefused("iss and sub are not both the client")
    aud = claims.get("aud")
    named = aud if isinstance(aud, list) else [aud]
    # All of them: one that also names another server could be presented to both.
    if not named or not all(isinstance(name, str) and name in audiences for name in named):
        raise AssertionRefused("aud is another server")
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 0 < len(jti) <= MAX_JTI_CHARACTERS:
        raise AssertionRefused("no jti")
    moment = now.timestamp()
    expires_at = _moment(claims, "exp")
    if moment >= expires_at + LEEWAY_SECONDS:
        raise AssertionRefused("expired")
    if expires_at > moment + MAX_LIFETIME_SECONDS + LEEWAY_SECONDS:
        raise AssertionRefused("exp lies more than an hour ahead")
    for name in ("iat", "nbf"):
        if name in claims and _moment(claims, name) > moment + LEEWAY_SECONDS:
            raise AssertionRefused(f"{name} lies ahead")
    return SingleUse(jti=jti, until=expires_at + LEEWAY_SECONDS)


def _moment(claims: Mapping[str, Any], name: str) -> int:
    value = claims.get(name)
    # A boolean is an int to Python and no moment to us.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LAST_MOMENT:
        raise AssertionRefused(f"{name} is missing or no moment")
    return int(value)
