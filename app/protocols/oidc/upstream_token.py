"""Signed tokens of other providers: read whole, and judged claim by claim. Spec: OpenID Connect Core §3.1.3.7.

Each judgement is noted in a trace with what was expected and what came, and the first that fails ends it.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.protocols.jose import base64url
from app.protocols.jose.claims import LEEWAY_SECONDS, MAX_SUBJECT_CHARACTERS
from app.protocols.jose.compact import MalformedToken, read_object
from app.protocols.jose.upstream_keys import ALGORITHMS, UpstreamKey
from app.protocols.trace import Trace

MAX_TOKEN_CHARACTERS = 65_536
MAX_ISSUED_AGO_SECONDS = 600
"""An ID token comes straight from its making, so an old one is somebody's find."""

TENANT_PLACE = "{tenantid}"
"""What the issuer of a provider with many tenants has in place of the tenant (Entra)."""

_LAST_MOMENT = 253_402_300_799
_HASHES = {"256": hashlib.sha256, "384": hashlib.sha384}
_TENANT = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# Whatever would choose the key, or change how the rest is read. Others mean nothing here. Spec: RFC 8725 §3.10.
_REFUSED_MEMBERS = frozenset({"b64", "crit", "enc", "jku", "jwk", "x5c", "x5u", "zip"})


class TokenRefused(ValueError):
    """A token does not count. The message is for an operator."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SignedToken:
    """A token in its parts. Nothing in it is to be believed before its signature was checked."""

    alg: str
    kid: str | None
    typ: str | None
    claims: Mapping[str, Any]
    signing_input: bytes
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerRule:
    """The names by which a provider may call itself in a token. `name` may have a place for a tenant's id."""

    name: str
    aliases: tuple[str, ...] = ()

    @property
    def is_template(self) -> bool:
        """Whether the tenant's id stands in the name."""
        return TENANT_PLACE in self.name

    def may_be(self, name: str) -> bool:
        """Whether an answer outside any token may come from here. Spec: RFC 9207 §2.4."""
        if not self.is_template:
            return name == self.name
        before, after = self.name.split(TENANT_PLACE, 1)
        tenant = name.removeprefix(before).removesuffix(after)
        return name == f"{before}{tenant}{after}" and _TENANT.fullmatch(tenant) is not None

    def own_name(self, claims: Mapping[str, Any]) -> str:
        """The one name under which identities are kept: of the token's tenant where there are many."""
        return self.name.replace(TENANT_PLACE, str(claims.get("tid")))


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedToken:
    """What an ID token must say. `authenticated_since` is the earliest `auth_time`, where one was asked for."""

    issuer: IssuerRule
    client_id: str
    nonce: str
    now: datetime
    authenticated_since: int | None = None


def read_signed(text: str) -> SignedToken:
    """Take a compact token apart. Raises MalformedToken."""
    if len(text) > MAX_TOKEN_CHARACTERS or not text.isascii():
        raise MalformedToken(f"longer than {MAX_TOKEN_CHARACTERS} characters, or not ASCII")
    parts = text.encode("ascii").split(b".")
    if len(parts) != 3:
        raise MalformedToken(f"{len(parts)} parts instead of three")
    try:
        header, payload, signature = (base64url.decode(part) for part in parts)
    except base64url.NotCanonical as error:
        raise MalformedToken("not canonical base64url") from error
    members = read_object(header)
    refused = sorted(_REFUSED_MEMBERS & members.keys())
    if refused:
        raise MalformedToken(f"a header with {', '.join(refused)}")
    alg, kid, typ = members.get("alg"), members.get("kid"), members.get("typ")
    if not isinstance(alg, str) or not isinstance(kid, str | None) or not isinstance(typ, str | None):
        raise MalformedToken("a header without alg, or with a kid or typ that is no text")
    signing_input = b".".join(parts[:2])
    claims = read_object(payload)
    return SignedToken(alg=alg, kid=kid, typ=typ, claims=claims, signing_input=signing_input, signature=signature)


def check_header(token: SignedToken, trace: Trace, *, types: frozenset[str], what: str = "id_token") -> None:
    """Judge `alg` and `typ`; a missing `typ` passes. Raises TokenRefused."""
    expected = "a signature by a public key"
    require(trace, f"{what}: alg", token.alg in ALGORITHMS, expected=expected, received=shown(token.alg))
    typ = None if token.typ is None else token.typ.lower().removeprefix("application/")
    passed = typ is None or typ in types
    require(trace, f"{what}: typ", passed, expected=" or ".join(sorted(types)), received=token.typ or "none")


def check_signature(token: SignedToken, key: UpstreamKey, trace: Trace, *, what: str = "id_token") -> None:
    """Judge the signature by the key that the token names. Raises TokenRefused."""
    passed = key.accepts(token.alg, token.signing_input, token.signature)
    expected = f"by the key {key.kid or '(the only one)'} for {' or '.join(sorted(key.algorithms))}"
    received = f"by {token.alg}, and it {'holds' if passed else 'does not hold'}"
    require(trace, f"{what}: signature", passed, expected=expected, received=received)


def check_id_token(claims: Mapping[str, Any], expected: ExpectedToken, trace: Trace) -> None:
    """Judge every claim that OpenID Connect Core §3.1.3.7 names. Raises TokenRefused."""
    check_issuer(claims, expected.issuer, trace)
    check_audience(claims, expected.client_id, trace)
    check_times(claims, expected.now, trace, oldest_seconds=MAX_ISSUED_AGO_SECONDS)
    nonce = claims.get("nonce")
    received = "the nonce of this sign-in" if nonce == expected.nonce else "none" if nonce is None else "another nonce"
    require(
        trace,
        "id_token: nonce",
        nonce == expected.nonce,
        expected="the nonce of this sign-in",
        received=received,
    )
    sub = claims.get("sub")
    # A person in the store: no control characters, and no longer than every provider promises.
    passed = isinstance(sub, str) and 0 < len(sub) <= MAX_SUBJECT_CHARACTERS and sub.isprintable()
    require(trace, "id_token: sub", passed, expected="1 to 255 printable characters", received=shown(sub))
    if expected.authenticated_since is not None:
        at = moment_of(claims, "auth_time")
        passed = at is not None and at >= expected.authenticated_since - LEEWAY_SECONDS
        since = f"at {expected.authenticated_since} or later"
        require(trace, "id_token: auth_time", passed, expected=since, received=shown(claims.get("auth_time")))


def check_issuer(claims: Mapping[str, Any], rule: IssuerRule, trace: Trace, *, what: str = "id_token") -> None:
    """Judge `iss`, and `tid` where the issuer has many tenants. Raises TokenRefused."""
    if rule.is_template:
        tid = claims.get("tid")
        passed = isinstance(tid, str) and _TENANT.fullmatch(tid) is not None
        require(trace, f"{what}: tid", passed, expected="the id of a tenant", received=shown(tid))
    names = (rule.own_name(claims), *rule.aliases)
    received = claims.get("iss")
    require(trace, f"{what}: iss", received in names, expected=" or ".join(names), received=shown(received))


def check_audience(claims: Mapping[str, Any], client_id: str, trace: Trace, *, what: str = "id_token") -> None:
    """Judge `aud` and `azp`: issued to us, and to nobody else beside us unless it says so. Raises TokenRefused."""
    aud, azp = claims.get("aud"), claims.get("azp")
    listed = aud if isinstance(aud, list) else [aud]
    passed = all(isinstance(name, str) for name in listed) and client_id in listed
    require(trace, f"{what}: aud", passed, expected=client_id, received=shown(aud))
    is_shared = len(set(listed)) > 1
    expected = client_id if is_shared else f"{client_id} or none"
    passed = azp == client_id or ("azp" not in claims and not is_shared)
    require(trace, f"{what}: azp", passed, expected=expected, received=shown(azp))


def check_times(
    claims: Mapping[str, Any], now: datetime, trace: Trace, *, oldest_seconds: int, what: str = "id_token"
) -> None:
    """Judge `exp`, `iat` and `nbf` against the moment; the first two must be there. Raises TokenRefused."""
    moment = now.timestamp()
    exp, iat, nbf = (moment_of(claims, name) for name in ("exp", "iat", "nbf"))
    after, before = int(moment) - LEEWAY_SECONDS, int(moment) + LEEWAY_SECONDS
    require(
        trace,
        f"{what}: exp",
        exp is not None and moment < exp + LEEWAY_SECONDS,
        expected=f"after {after}",
        received=shown(claims.get("exp")),
    )
    oldest = int(moment) - oldest_seconds
    require(
        trace,
        f"{what}: iat",
        iat is not None and oldest <= iat <= before,
        expected=f"from {oldest} to {before}",
        received=shown(claims.get("iat")),
    )
    if "nbf" in claims:
        passed = nbf is not None and nbf <= before
        require(trace, f"{what}: nbf", passed, expected=f"up to {before}", received=shown(claims.get("nbf")))


def moment_of(claims: Mapping[str, Any], name: str) -> int | None:
    """A NumericDate, None for what is none. A boolean is an int to Python and no moment to us."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LAST_MOMENT:
        return None
    return int(value)


def require(
    trace: Trace,
    name: str,
    passed: bool,  # noqa: FBT001 — reads as in Trace.check
    *,
    expected: str,
    received: str,
) -> None:
    """Note a check; where it fails nothing after it counts. Raises TokenRefused."""
    if not trace.check(name, passed, expected=expected, received=received):
        raise TokenRefused(printable(f"{name}: expected {expected}, received {received}"))


def printable(words: str) -> str:
    """Words that others had a hand in, as they may stand in a log: short, and of one line."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in words[:500])


def shown(value: object) -> str:
    """A claim as a trace shows it."""
    if value is None:
        return "none"
    if value == "":
        return "an empty text"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)[:500]


def access_token_hash(access_token: str, alg: str) -> str:
    """What `at_hash` must be beside this access token. Spec: OpenID Connect Core §3.1.3.6, RFC 8032 §5.1."""
    digest = _HASHES.get(alg[-3:], hashlib.sha512)(access_token.encode()).digest()
    return base64url.encode(digest[: len(digest) // 2]).decode()
