"""Resolving bearer tokens against their signature, session cookies by their hash, and both against live state."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from app.apikeys.errors import InvalidAPIKey
from app.apikeys.inspect import APIKeyInspection
from app.audiences.own import USERINFO_PATH
from app.clients.live import ClientLiveness
from app.foundation.principal import Credentials, Principal
from app.grants.access_token import TYPE
from app.grants.by_cookie import BrowserInspection
from app.grants.inspect import GrantInspection, LiveGrant
from app.principals.errors import AmbiguousCredentials, MissingToken
from app.protocols.jose.claims import TokenClaims
from app.revocation.lookup import RevocationLookup
from app.signing_keys.errors import InvalidToken
from app.signing_keys.service import SigningKeys

_NEVER = datetime.fromtimestamp(0, UTC)


class BearerPrincipals:
    """Turns a bearer token of ours into its principal."""

    def __init__(
        self,
        keys: SigningKeys,
        grants: GrantInspection,
        clients: ClientLiveness,
        *,
        lookup: RevocationLookup,
        issuer: str,
    ) -> None:
        self._keys = keys
        self._lookup = lookup
        self._grants = grants
        self._clients = clients
        self._issuer = issuer

    async def resolve(self, authorization: Sequence[str], *, own_only: bool) -> Principal:
        """The person behind a bearer token, given the request's Authorization headers. Spec: RFC 6750 §2.1.

        Raises MissingToken, AmbiguousCredentials for more than one, InvalidToken when malformed, forged,
        expired, a client's own, for another audience where `own_only`, or when its session, grant or user is no
        longer live; DatabaseUnavailable.
        """
        verified = await self._keys.verify(_bearer_token(authorization), typ=TYPE, issuer=self._issuer)
        claims = verified.members
        if _is_clients_own(verified):
            raise InvalidToken("The token is a client's own; this route is for people.", detail="no user behind it")
        audience = verified.audiences[0]
        own = audience == self._issuer
        if audience == self._issuer + USERINFO_PATH:
            raise InvalidToken("The token opens UserInfo alone.", detail="a token for userinfo")
        if own_only and not own:
            raise InvalidToken("The token is for another audience.", detail=f"aud is {audience}, not this service")
        live = await self._live_grant(verified)
        return Principal(
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
            actor=claims["act"]["sub"] if "act" in claims else None,
        )

    async def validate(self, authorization: Sequence[str]) -> Mapping[str, Any]:
        """The claims of a bearer token for any audience, a person's or a client's own, that counts at this moment.

        Raises MissingToken, AmbiguousCredentials, InvalidToken, DatabaseUnavailable.
        """
        verified = await self._keys.verify(_bearer_token(authorization), typ=TYPE, issuer=self._issuer)
        if await self._lookup.is_clear(verified):
            return verified.members
        if not _is_clients_own(verified):
            await self._live_grant(verified)
        elif not await self._clients.is_live(verified):
            raise InvalidToken(detail="its client is disabled or gone, or has ended its tokens")
        return verified.members

    async def _live_grant(self, verified: TokenClaims) -> LiveGrant:
        live = await self._grants.find_live(verified)
        if live is None:
            raise InvalidToken(detail="its session, grant or user is no longer live")
        return live


class Principals:
    """Turns whichever one credential came into its principal."""

    def __init__(self, bearer: BearerPrincipals, browsers: BrowserInspection, keys: APIKeyInspection) -> None:
        self._bearer = bearer
        self._browsers = browsers
        self._keys = keys

    async def resolve(self, credentials: Credentials, *, own_only: bool) -> Principal:
        """The caller behind a bearer token or a session cookie. The cookie always speaks to this service itself.

        Whether a page of ours sent the cookie is the caller's to ask, before (`foundation.csrf`). Raises
        MissingToken, also for a cookie that is unknown or whose session is over, AmbiguousCredentials for more
        than one credential, what `BearerPrincipals.resolve` raises, DatabaseUnavailable.
        """
        refuse_mixture(credentials)
        if credentials.api_keys:
            raise MissingToken("An API key does not open this route.")
        if credentials.cookie is None:
            return await self._bearer.resolve(credentials.authorization, own_only=own_only)
        found = await self._browsers.find_live(credentials.cookie)
        if found is None:
            raise MissingToken("The session is over.", detail="session cookie unknown, or its session over")
        return Principal(
            sub=found.sub,
            user_id=found.user_id,
            session_id=found.session_id,
            sid=found.context.sid,
            grant_id=found.context.grant_id,
            client_id=found.context.client_id,
            audience=found.audience,
            own=True,
            scopes=frozenset(found.scopes),
            roles=found.roles,
            auth_time=found.context.auth_time,
            acr=found.context.acr,
            browser=True,
        )

    async def resolve_key(self, credentials: Credentials, *, address: str | None) -> Principal:
        """The caller behind an API key of a user's for this service itself, used from that address.

        Raises AmbiguousCredentials, InvalidAPIKey, also for a client's own key, DatabaseUnavailable.
        """
        refuse_mixture(credentials)
        key = await self._keys.find_own(credentials.api_keys[0], address=address)
        if key is None or key.user_id is None:
            raise InvalidAPIKey("The API key is not good here.")
        return Principal(
            sub=key.owner,
            user_id=key.user_id,
            session_id=key.row_id,
            sid="",
            grant_id="",
            client_id="",
            audience=key.audience,
            own=True,
            scopes=frozenset(key.scopes),
            roles=(),
            auth_time=_NEVER,
            acr="",
            key_id=key.id,
        )


def refuse_mixture(credentials: Credentials) -> None:
    """Refuse what carries more than one credential: nobody can tell which was meant. Raises AmbiguousCredentials."""
    if len(credentials.sessions) > 1:
        raise AmbiguousCredentials("The request carries more than one session cookie.")
    if credentials.sessions and credentials.authorization:
        raise AmbiguousCredentials("The request carries a cookie and an Authorization header.")
    if len(credentials.api_keys) + bool(credentials.sessions or credentials.authorization) > 1 and credentials.api_keys:
        raise AmbiguousCredentials("The request carries an API key and another credential.")


def _is_clients_own(verified: TokenClaims) -> bool:
    """Subjects of people and ids of clients never coincide, so that this says whose a token is. Spec: RFC 9068 §5."""
    return bool(verified.members["client_id"] == verified.sub)


def _bearer_token(authorization: Sequence[str]) -> str:
    if not authorization:
        raise MissingToken
    if len(authorization) > 1:
        raise AmbiguousCredentials("The request carries more than one Authorization header.")
    scheme, _, raw_token = authorization[0].partition(" ")
    if scheme.lower() != "bearer":
        raise MissingToken("This route takes a bearer token.")
    return raw_token
