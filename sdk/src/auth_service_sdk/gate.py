"""A small strict gate before the JOSE library: only a plain, canonical, bounded token gets through.

Every parser differential between two JWT libraries that became a hole (repeated members, padded or
non-canonical base64, `crit`, keys inside the header, numbers that are not numbers) ends here.
"""

import json
import re
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from typing import Any, NoReturn

from auth_service_sdk.errors import InvalidToken

MAX_TOKEN_BYTES = 16 * 1024
"""Longer tokens are refused before anything is computed over them."""
MAX_HEADER_CHARACTERS = 1024
"""Of the encoded header: ours has three short members."""
MAX_KID_CHARACTERS = 256
MAX_DEPTH = 16
"""Of objects and lists in the claims."""

ACCESS_TOKEN_TYPES = frozenset({"at+jwt", "application/at+jwt"})
ACTION_TOKEN_TYPES = frozenset({"action+jwt"})
ALGORITHMS = frozenset({"RS256", "ES256", "EdDSA"})
"""Those of auth-service."""
FOREIGN_ALGORITHMS = ("RS256", "ES256", "EdDSA", "PS256", "RS384", "PS384", "ES384", "RS512", "PS512", "ES512")
"""Those that a foreign issuer may use: never one with a shared secret, never `none`. Spec: RFC 7518 §3.1, RFC 8037."""
_HEADER_MEMBERS = frozenset({"alg", "kid", "typ"})
FOREIGN_HEADER_MEMBERS = _HEADER_MEMBERS | {"x5t", "x5t#S256"}
"""Entra and others name the key's certificate too; it is not looked at."""

_COMPACT = re.compile(rb"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")
# The last character of a group of two or three carries bits that must be zero, else two spellings give one value.
_CANONICAL_LAST = {2: b"AQgw", 3: b"AEIMQUYcgkosw048"}


@dataclass(frozen=True, slots=True)
class ParsedToken:
    """A well-formed token of which nothing is proven yet."""

    alg: str
    kid: str
    claims: dict[str, Any]
    signing_input: bytes
    signature: bytes
    typ: str | None = None


def parse(
    token: bytes,
    *,
    types: frozenset[str] | frozenset[str | None] = ACCESS_TOKEN_TYPES,
    max_bytes: int = MAX_TOKEN_BYTES,
    members: frozenset[str] = _HEADER_MEMBERS,
    algorithms: frozenset[str] = ALGORITHMS,
) -> ParsedToken:
    """Take a compact JWS of these types apart. Raises InvalidToken, and nothing else, for whatever bytes.

    None among `types` is a header without `typ`, `members` are those that may stand in the header, `algorithms` the
    values of its `alg`; which of them counts is for the key to say.
    Spec: RFC 7515 §5.2, RFC 8725 §3, RFC 9068 §4.
    """
    if len(token) > max_bytes:
        raise InvalidToken(f"expected a token of at most {max_bytes} bytes, got {len(token)}")
    match = _COMPACT.fullmatch(token)
    if match is None:
        raise InvalidToken("expected three base64url parts joined by dots")
    encoded_header, encoded_claims, encoded_signature = match.groups()
    if len(encoded_header) > MAX_HEADER_CHARACTERS:
        raise InvalidToken(f"expected a header of at most {MAX_HEADER_CHARACTERS} characters")
    header = _json_object(_decode(encoded_header), "header")
    alg, kid = _check_header(header, types, members, algorithms)
    return ParsedToken(
        alg=alg,
        kid=kid,
        claims=_json_object(_decode(encoded_claims), "payload"),
        signing_input=token[: match.end(2)],
        signature=_decode(encoded_signature),
        typ=header.get("typ"),
    )


def claimed_issuer(token: bytes) -> str | None:
    """Return the `iss` that a compact JWS claims to have, of which nothing is proven; None for an opaque token.

    Raises InvalidToken for one that is too long, malformed or names no issuer.
    """
    if len(token) > MAX_TOKEN_BYTES:
        raise InvalidToken(f"expected a token of at most {MAX_TOKEN_BYTES} bytes, got {len(token)}")
    match = _COMPACT.fullmatch(token)
    if match is None:
        return None
    issuer = _json_object(_decode(match.group(2)), "payload").get("iss")
    if not isinstance(issuer, str):
        raise InvalidToken(f"expected a token that names its issuer, iss is {shown(issuer)}")
    return issuer


def shown(value: object) -> str:
    """Quote an untrusted value for a log line or a message: one line, printable ASCII, bounded."""
    text = ascii(value)
    return text if len(text) <= 120 else text[:117] + "..."


def _check_header(
    header: dict[str, Any],
    types: frozenset[str] | frozenset[str | None],
    members: frozenset[str],
    algorithms: frozenset[str],
) -> tuple[str, str]:
    unknown = header.keys() - members
    if unknown:
        raise InvalidToken(f"expected the header members alg, kid and typ only, token also has {shown(min(unknown))}")
    alg, kid, typ = header.get("alg"), header.get("kid"), header.get("typ")
    if not isinstance(alg, str) or alg not in algorithms:
        wanted = " or ".join(sorted(algorithms))
        raise InvalidToken(f"expected alg {wanted}, token has {shown(alg)}", misconfigured=True)
    if not isinstance(typ, str | None) or typ not in types or ("typ" in header and typ is None):
        plain = min(filter(None, types))
        wanted = "at+jwt (an access token, not an id_token)" if types is ACCESS_TOKEN_TYPES else plain
        raise InvalidToken(f"expected typ {wanted}, token has {shown(typ)}", misconfigured=True)
    if not isinstance(kid, str) or not 0 < len(kid) <= MAX_KID_CHARACTERS:
        raise InvalidToken(f"expected a kid of 1 to {MAX_KID_CHARACTERS} characters, token has {shown(kid)}")
    return alg, kid


def _decode(encoded: bytes) -> bytes:
    rest = len(encoded) % 4
    if rest == 1 or (rest and encoded[-1] not in _CANONICAL_LAST[rest]):
        raise InvalidToken("expected canonical base64url without padding")
    return urlsafe_b64decode(encoded + b"=" * (-len(encoded) % 4))


def _json_object(raw: bytes, part: str) -> dict[str, Any]:
    try:
        # Decoded by hand: json.loads would accept UTF-16 and UTF-32 bytes too.
        value = _STRICT.decode(raw.decode("utf-8"))
        if b"\\u" in raw:
            # A lone surrogate passes the parser and breaks whoever encodes the value later.
            _PLAIN.encode(value).encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise InvalidToken(f"expected a plain JSON object as {part}: {type(error).__name__}") from None
    if not isinstance(value, dict):
        raise InvalidToken(f"expected a JSON object as {part}")
    # Counting first keeps the walk off the path of every ordinary token.
    if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH and _is_deeper(value, MAX_DEPTH):
        raise InvalidToken(f"expected at most {MAX_DEPTH} nested objects and lists in the {part}")
    return value


def _is_deeper(value: Any, depth: int) -> bool:
    if isinstance(value, dict):
        value = list(value.values())
    return isinstance(value, list) and (depth == 0 or any(_is_deeper(item, depth - 1) for item in value))


def _object_without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a member is repeated")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_STRICT = json.JSONDecoder(object_pairs_hook=_object_without_repeats, parse_constant=_refuse_constant)
_PLAIN = json.JSONEncoder(ensure_ascii=False)
