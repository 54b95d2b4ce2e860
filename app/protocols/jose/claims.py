"""The claims every token of ours carries, judged against the moment and what the reader expects.

Specs: RFC 7519 §4.1, RFC 9068 §2.2 and §4.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

LEEWAY_SECONDS = 30
MAX_SUBJECT_CHARACTERS = 255
# The last second of the year 9999: beyond it a number is no moment.
_LAST_MOMENT = 253_402_300_799


class ClaimsRefused(ValueError):
    """A claim is missing, of the wrong form, or not for this reader or moment. The message is for the log."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class TokenClaims:
    """Claims that passed. `issued_at` and `expires_at` are NumericDates; `members` holds every claim as it came."""

    sub: str
    audiences: tuple[str, ...]
    issued_at: int
    expires_at: int
    members: Mapping[str, Any]


def check_claims(
    claims: Mapping[str, Any],
    *,
    issuer: str,
    now: datetime,
    audience: str | None = None,
    leeway_seconds: int = LEEWAY_SECONDS,
) -> TokenClaims:
    """Judge `iss`, `sub`, `aud`, `exp`, `iat` and `nbf`; the first five must be there. Raises ClaimsRefused.

    `issuer` is compared as a whole string. Without `audience` any is accepted, and the caller judges it.
    """
    if claims.get("iss") != issuer:
        raise ClaimsRefused("iss is another issuer")
    sub = claims.get("sub")
    if (
        not isinstance(sub, str)
        or not 0 < len(sub) <= MAX_SUBJECT_CHARACTERS
        or not (sub.isascii() and sub.isprintable())
    ):
        raise ClaimsRefused("sub is missing or no subject")
    audiences = _audiences(claims.get("aud"))
    if audience is not None and audience not in audiences:
        raise ClaimsRefused("aud is another audience")
    moment = now.timestamp()
    expires_at = _moment(claims, "exp")
    if moment >= expires_at + leeway_seconds:
        raise ClaimsRefused("expired")
    issued_at = _moment(claims, "iat")
    if issued_at > moment + leeway_seconds:
        raise ClaimsRefused("issued in the future")
    if "nbf" in claims and _moment(claims, "nbf") > moment + leeway_seconds:
        raise ClaimsRefused("not valid yet")
    return TokenClaims(sub=sub, audiences=audiences, issued_at=issued_at, expires_at=expires_at, members=claims)


def _audiences(aud: object) -> tuple[str, ...]:
    listed = aud if isinstance(aud, list) else [aud]
    audiences = tuple(item for item in listed if isinstance(item, str) and item)
    if not audiences or len(audiences) != len(listed):
        raise ClaimsRefused("aud is missing or no audience")
    return audiences


def _moment(claims: Mapping[str, Any], name: str) -> int:
    """A NumericDate in whole seconds, as we write them. A boolean is an int to Python and no moment to us."""
    value = claims.get(name)
    if type(value) is not int or not 0 <= value <= _LAST_MOMENT:
        raise ClaimsRefused(f"{name} is missing or no moment")
    return value
