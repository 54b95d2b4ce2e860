"""Minting access tokens."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from app.audiences.service import AudienceView
from app.foundation.browser import SessionCookie
from app.foundation.clock import Clock
from app.foundation.secrets import random_id
from app.grants.access_token import FIRST_PARTY_CLIENT, TYPE, TokenContext, TokenSubject, access_token_claims
from app.grants.scope import delegated, granted_scopes
from app.revocation.bars import first_moment
from app.roles.rules import Held, Holdings
from app.signing_keys.service import SigningKeys


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class IssuedTokens:
    """A token response. Spec: RFC 6749 §5.1; `refresh_expires_in` is ours.

    With a `session_cookie` it is a browser's: `grants.answer` puts the tokens into cookies too. A `trusted_cookie` is
    that of a browser which its user trusts from now on.
    """

    access_token: str
    expires_in: int
    scope: str
    refresh_token: str
    refresh_expires_in: int
    session_cookie: SessionCookie | None = None
    trusted_cookie: SessionCookie | None = None

    def as_json(self) -> dict[str, object]:
        """The response's members."""
        return {
            "access_token": self.access_token,
            "token_type": "Bearer",
            "expires_in": self.expires_in,
            "refresh_token": self.refresh_token,
            "refresh_expires_in": self.refresh_expires_in,
            "scope": self.scope,
        }


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class MintedToken:
    """A signed access token, its life in seconds, and the scope it carries."""

    raw_token: str
    expires_in: int
    scope: str


class AccessTokenMinter:
    """Signs access tokens with the audience's algorithm."""

    def __init__(self, clock: Clock, keys: SigningKeys, *, issuer: str, default_seconds: int) -> None:
        self._clock = clock
        self._keys = keys
        self._issuer = issuer
        self._default_seconds = default_seconds

    async def mint(
        self,
        *,
        held: Held,
        read_at: datetime,
        subject: TokenSubject,
        context: TokenContext,
        audience: AudienceView,
        holdings: Holdings,
        requested: Collection[str] | None,
    ) -> MintedToken:
        """An access token for one audience, with the scopes, roles and permissions held there.

        `read_at` is a moment before `held` was read, which the token bears; in the second in which everything of its
        user, client or audience was ended it waits for the next one. Raises Unavailable where that is far ahead.
        """
        issued_at = await first_moment(
            self._clock, held.bars, read_at=read_at, sub=subject.sub, client_id=context.client_id, aud=audience.aud
        )
        scopes = granted_scopes(requested, audience.scopes, holdings.permissions)
        roles, permissions = holdings.roles, holdings.permissions
        if context.client_id != FIRST_PARTY_CLIENT:
            scopes, roles, permissions = delegated(
                requested or (), scopes, needed_permissions=audience.scopes, roles=roles
            )
        claims = access_token_claims(
            issuer=self._issuer,
            audience=audience.aud,
            jti=random_id(),
            now=issued_at,
            lifetime_seconds=audience.access_token_seconds or self._default_seconds,
            subject=subject,
            context=context,
            scopes=scopes,
            roles=roles,
            permissions=permissions,
            named_claims=audience.claims,
        )
        raw_token = self._keys.sign(claims, algorithm=audience.algorithm, typ=TYPE)
        lifetime = int(str(claims["exp"])) - int(str(claims["iat"]))
        return MintedToken(raw_token=raw_token, expires_in=lifetime, scope=" ".join(scopes))
