"""A provider's word that a session there is over. Spec: OpenID Connect Back-Channel Logout 1.0 §2.4, §2.6."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from app.protocols.jose.claims import MAX_SUBJECT_CHARACTERS
from app.protocols.oidc.logout import BACKCHANNEL_EVENT, LOGOUT_TOKEN_TYPE
from app.protocols.oidc.upstream_token import (
    IssuerRule,
    check_audience,
    check_issuer,
    check_times,
    moment_of,
    require,
    shown,
)
from app.protocols.trace import Trace

TYPES = frozenset({LOGOUT_TOKEN_TYPE, "jwt"})
"""`JWT` is how providers before the final specification named it."""
MAX_ISSUED_AGO_SECONDS = 600
_MAX_CHARACTERS = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class LogoutClaims:
    """Who is signed out: of one session, or of all that began before the token was made."""

    issuer: str
    subject: str | None
    session: str | None
    jti: str
    issued_at: datetime


def check_logout_token(
    claims: Mapping[str, Any], *, issuer: IssuerRule, client_id: str, now: datetime, trace: Trace
) -> LogoutClaims:
    """Judge the claims of a logout token whose signature holds. Raises TokenRefused."""
    what = "logout_token"
    check_issuer(claims, issuer, trace, what=what)
    check_audience(claims, client_id, trace, what=what)
    check_times(claims, now, trace, oldest_seconds=MAX_ISSUED_AGO_SECONDS, what=what)
    events = claims.get("events")
    named = isinstance(events, Mapping) and isinstance(events.get(BACKCHANNEL_EVENT), Mapping)
    require(trace, f"{what}: events", named, expected=BACKCHANNEL_EVENT, received=shown(events))
    # An ID token must never pass for one of these.
    require(
        trace,
        f"{what}: nonce",
        "nonce" not in claims,
        expected="none",
        received="a nonce" if "nonce" in claims else "none",
    )
    jti, sub, sid = (claims.get(name) for name in ("jti", "sub", "sid"))
    require(trace, f"{what}: jti", _is_text(jti), expected="a text", received=shown(jti))
    whom = (_is_text(sub) or sub is None) and (_is_text(sid) or sid is None) and (sub, sid) != (None, None)
    received = f"sub {shown(sub)}, sid {shown(sid)}"
    require(trace, f"{what}: sub or sid", whom, expected="at least one of them, as a text", received=received)
    issued_at = datetime.fromtimestamp(moment_of(claims, "iat") or 0, UTC)
    return LogoutClaims(issuer=issuer.own_name(claims), subject=sub, session=sid, jti=str(jti), issued_at=issued_at)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= min(_MAX_CHARACTERS, MAX_SUBJECT_CHARACTERS)
