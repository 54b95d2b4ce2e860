"""Telling clients that a session ended: what a logout token says, and which page of a client's is framed.

Specs: OpenID Connect Back-Channel Logout 1.0 §2.4; Front-Channel Logout 1.0 §2; RP-Initiated Logout 1.0 §2, §3.
"""

from urllib.parse import urlencode, urlsplit

LOGOUT_TOKEN_TYPE = "logout+jwt"  # noqa: S105 — the value of `typ`
BACKCHANNEL_EVENT = "http://schemas.openid.net/event/backchannel-logout"
LOGOUT_TOKEN_SECONDS = 120


def logout_token_claims(*, issuer: str, client_id: str, sub: str, sid: str, jti: str, now: int) -> dict[str, object]:
    """The claims of a logout token. There is no nonce, so that it never passes for an ID token."""
    return {
        "iss": issuer,
        "sub": sub,
        "aud": client_id,
        "iat": now,
        "exp": now + LOGOUT_TOKEN_SECONDS,
        "jti": jti,
        "sid": sid,
        "events": {BACKCHANNEL_EVENT: {}},
    }


def frontchannel_address(uri: str, *, issuer: str, sid: str) -> str:
    """What is framed to tell a client: its page with `iss` and `sid` in the query."""
    return with_query(uri, {"iss": issuer, "sid": sid})


def with_query(uri: str, added: dict[str, str]) -> str:
    """A registered URI with further parameters behind those that it has."""
    if not added:
        return uri
    mark = "&" if urlsplit(uri).query else "" if uri.endswith("?") else "?"
    return uri + mark + urlencode(added)
