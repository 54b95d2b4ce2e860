"""The claims of an access token: pure rules. Spec: RFC 9068 §2.2."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

TYPE = "at+jwt"

FIRST_PARTY_CLIENT = "first-party"
"""The `client_id` of our own pages and of first-party JSON clients: built in, public."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSubject:
    """The person in a token, with what an audience may ask to see of them."""

    sub: str
    email: str
    email_verified: bool
    name: str | None
    attributes: Mapping[str, object]
    groups: tuple[str, ...] = ()

    def claim(self, name: str) -> object:
        """The value of a claim that an audience asks for, or None where there is none."""
        if name in {"email", "email_verified", "name"}:
            return getattr(self, name)
        if name == "groups":
            return list(self.groups)
        return self.attributes.get(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenContext:
    """The sign-in and the grant that a token hangs from.

    `actor` is the `sub` of whoever acts in the user's name: then nobody has signed in.
    """

    sid: str
    grant_id: str
    client_id: str
    auth_time: datetime
    amr: tuple[str, ...]
    acr: str
    session_expires_at: datetime
    actor: str | None = None


def access_token_claims(
    *,
    issuer: str,
    audience: str,
    jti: str,
    now: datetime,
    lifetime_seconds: int,
    subject: TokenSubject,
    context: TokenContext,
    scopes: tuple[str, ...],
    roles: tuple[str, ...],
    permissions: tuple[str, ...],
    named_claims: tuple[str, ...],
) -> dict[str, object]:
    """Every claim of an access token; it never outlives its session."""
    issued_at = int(now.timestamp())
    claims: dict[str, object] = {
        "iss": issuer,
        "sub": subject.sub,
        "aud": audience,
        "client_id": context.client_id,
        "exp": min(issued_at + lifetime_seconds, int(context.session_expires_at.timestamp())),
        "iat": issued_at,
        "jti": jti,
        "sid": context.sid,
        "grant_id": context.grant_id,
        "scope": " ".join(scopes),
        "roles": list(roles),
        "permissions": list(permissions),
        **_proof(context),
    }
    named = ((name, subject.claim(name)) for name in named_claims)
    return {name: value for name, value in named if value is not None} | claims


def _proof(context: TokenContext) -> dict[str, object]:
    """How the user proved who they are, or who acts for them, who proved nothing. Spec: RFC 8693 §4.1."""
    if context.actor is not None:
        return {"act": {"sub": context.actor}}
    return {"auth_time": int(context.auth_time.timestamp()), "amr": list(context.amr), "acr": context.acr}
