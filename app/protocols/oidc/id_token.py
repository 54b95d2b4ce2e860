"""The claims of an ID token. Spec: OpenID Connect Core §2, §3.1.3.6, §12.2."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from app.protocols.jose import base64url
from app.protocols.jose.algorithms import Algorithm

TYPE = "JWT"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """How and when the user proved who they are, and the `sid` of the session in which they did."""

    auth_time: datetime
    acr: str
    amr: tuple[str, ...]
    sid: str


def id_token_claims(
    *,
    issuer: str,
    sub: str,
    client_id: str,
    now: datetime,
    lifetime_seconds: int,
    signed_in: SignedIn,
    nonce: str | None = None,
    at_hash: str | None = None,
    more: Mapping[str, object] | None = None,
) -> dict[str, object]:
    """Every claim of an ID token for one client. `more` are claims about the person; none of ours gives way to them.

    A token that comes of a refresh has no `nonce`. Spec: OpenID Connect Core §12.2.
    """
    issued_at = int(now.timestamp())
    claims: dict[str, object] = {
        "iss": issuer,
        "sub": sub,
        "aud": client_id,
        "azp": client_id,
        "exp": issued_at + lifetime_seconds,
        "iat": issued_at,
        "auth_time": int(signed_in.auth_time.timestamp()),
        "acr": signed_in.acr,
        "amr": list(signed_in.amr),
        "sid": signed_in.sid,
    }
    if nonce is not None:
        claims["nonce"] = nonce
    if at_hash is not None:
        claims["at_hash"] = at_hash
    return {**(more or {}), **claims}


def at_hash(access_token: str, algorithm: Algorithm) -> str:
    """The left half of the token's hash, by the hash of the ID token's algorithm. Spec: OpenID Connect Core §3.1.3.6.

    Ed25519 hashes by SHA-512. Spec: RFC 8032 §5.1.
    """
    digest = hashlib.sha512 if algorithm is Algorithm.EDDSA else hashlib.sha256
    value = digest(access_token.encode("ascii")).digest()
    return base64url.encode(value[: len(value) // 2]).decode()
