"""Issuing a grant with its first tokens."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from app.audiences.service import AudienceView
from app.foundation.browser import SessionCookie
from app.foundation.clock import Clock
from app.foundation.db import Transaction
from app.foundation.ids import new_id
from app.foundation.metrics import Counter
from app.foundation.secrets import hash_secret, random_id, random_secret
from app.grants import store
from app.grants.access_token import FIRST_PARTY_CLIENT, TokenContext, TokenSubject
from app.grants.mint import AccessTokenMinter, IssuedTokens
from app.grants.refresh_token import format_token
from app.roles.rules import Held
from app.roles.service import Roles
from app.sessions.service import StartedSession

__all__ = ["FIRST_PARTY_CLIENT", "GrantIssuance", "IssuedGrant"]

_ISSUED = Counter("grants_issued", "Grants opened, each with its first refresh token.", unit="grants")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class IssuedGrant:
    """A grant that is written and whose tokens are not signed yet."""

    context: TokenContext
    refresh_token: str
    refresh_expires_in: int
    held: Held
    written_at: datetime
    session_cookie: SessionCookie | None = None


class GrantIssuance:
    """The one way to a user's first token under a session."""

    def __init__(self, clock: Clock, roles: Roles, minter: AccessTokenMinter, *, refresh_lifetime: timedelta) -> None:
        self._clock = clock
        self._roles = roles
        self._minter = minter
        self._refresh_lifetime = refresh_lifetime

    async def issue(
        self,
        tx: Transaction,
        *,
        session: StartedSession,
        client_id: str,
        audience: AudienceView,
        requested: tuple[str, ...] | None,
    ) -> IssuedGrant:
        """Write the grant and its first refresh token, by one statement. `sign` makes the answer of it."""
        now = self._clock.now()
        refresh_expires_at = min(now + self._refresh_lifetime, session.expires_at)
        token_id, raw_secret, grant_id = new_id(now), random_secret(), random_id()
        held = await store.add_grant(
            tx,
            {
                "grant_row_id": new_id(now),
                "grant_id": grant_id,
                "session_id": session.id,
                "user_id": session.user_id,
                "client_id": client_id,
                "audience": audience.name,
                "scope": None if requested is None else " ".join(requested),
                "now": now,
                "grant_expires_at": session.expires_at,
                "token_id": token_id,
                "secret_hash": hash_secret(raw_secret),
                "token_expires_at": refresh_expires_at,
            },
        )
        _ISSUED.add()
        context = TokenContext(
            sid=session.sid,
            grant_id=grant_id,
            client_id=client_id,
            auth_time=session.auth_time,
            amr=session.amr,
            acr=session.acr,
            session_expires_at=session.expires_at,
        )
        return IssuedGrant(
            context=context,
            refresh_token=format_token(token_id, raw_secret),
            refresh_expires_in=int((refresh_expires_at - now).total_seconds()),
            held=held,
            written_at=now,
            session_cookie=session.cookie,
        )

    async def sign(
        self, grant: IssuedGrant, *, subject: TokenSubject, audience: AudienceView, requested: tuple[str, ...] | None
    ) -> IssuedTokens:
        """The token response of a grant. Call it when the grant has committed: signing holds no connection."""
        minted = await self._minter.mint(
            held=grant.held,
            read_at=grant.written_at,
            subject=replace(subject, groups=grant.held.groups),
            context=grant.context,
            audience=audience,
            holdings=await self._roles.holdings(grant.held, audience.name),
            requested=requested,
        )
        return IssuedTokens(
            access_token=minted.raw_token,
            expires_in=minted.expires_in,
            scope=minted.scope,
            refresh_token=grant.refresh_token,
            refresh_expires_in=grant.refresh_expires_in,
            session_cookie=grant.session_cookie,
        )
