"""Resolving bearer tokens against their signature and their live state."""

from collections.abc import Mapping, Sequence
from typing import Any

from app.foundation.principal import Principal
from app.grants.access_token import TYPE
from app.grants.inspect import GrantInspection
from app.principals.errors import AmbiguousCredentials, MissingToken
from app.signing_keys.errors import InvalidToken
from app.signing_keys.service import SigningKeys


class BearerPrincipals:
    """Turns a bearer token of ours into its principal."""

    def __init__(self, keys: SigningKeys, grants: GrantInspection, *, issuer: str) -> None:
        self._keys = keys
        self._grants = grants
        self._issuer = issuer

    async def resolve(self, authorization: Sequence[str], *, own_only: bool) -> Principal:
        """The caller behind a bearer token, given the request's Authorization headers. Spec: RFC 6750 §2.1.

        Raises MissingToken, AmbiguousCredentials for more than one, InvalidToken when malformed, forged,
        expired, for another audience where `own_only`, or when its session, grant or user is no longer live;
        DatabaseUnavailable.
        """
        principal, _ = await self.resolve_with_claims(authorization, own_only=own_only)
        return principal

    async def resolve_with_claims(
        self, authorization: Sequence[str], *, own_only: bool
    ) -> tuple[Principal, Mapping[str, Any]]:
        """The same, with every claim of the token."""
        verified = await self._keys.verify(_bearer_token(authorization), typ=TYPE, issuer=self._issuer)
        claims = verified.members
        audience = verified.audiences[0]
        own = audience == self._issuer
        if own_only and not own:
            raise InvalidToken("The token is for another audience.", detail=f"aud is {audience}, not this service")
        live = await self._grants.find_live(sid=claims["sid"], grant_id=claims["grant_id"], sub=verified.sub)
        if live is None:
            raise InvalidToken(detail="its session, grant or user is no longer live")
        principal = Principal(
            sub=verified.sub,
            user_id=live.user_id,
            session_id=live.session_id,
            sid=claims["sid"],
            grant_id=claims["grant_id"],
            client_id=claims["client_id"],
            audience=audience,
            own=own,
            scopes=frozenset(claims["scope"].split()),
            roles=tuple(claims["roles"]),
            auth_time=live.auth_time,
            acr=live.acr,
        )
        return principal, claims


def _bearer_token(authorization: Sequence[str]) -> str:
    if not authorization:
        raise MissingToken
    if len(authorization) > 1:
        raise AmbiguousCredentials("The request carries more than one Authorization header.")
    scheme, _, raw_token = authorization[0].partition(" ")
    if scheme.lower() != "bearer":
        raise MissingToken("This route takes a bearer token.")
    return raw_token
