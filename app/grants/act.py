"""Access tokens in which somebody acts for a user: one, and nothing to renew it by."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from app.audiences.service import AudienceView
from app.foundation.clock import Clock
from app.foundation.db import Transaction
from app.foundation.ids import new_id
from app.foundation.secrets import random_id
from app.grants.access_token import TokenContext, TokenSubject
from app.grants.issue import FIRST_PARTY_CLIENT
from app.grants.mint import AccessTokenMinter, MintedToken
from app.roles.rules import Held
from app.roles.service import Roles
from app.sessions.service import StartedSession

_ADD = text(
    """
    INSERT INTO grants (id, grant_id, session_id, user_id, client_id, audience, scope, created_at, expires_at)
    VALUES (:id, :grant_id, :session_id, :user_id, :client_id, :audience, NULL, :now, :expires_at)
    """
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActingGrant:
    """A grant that is written, and what its user held then."""

    context: TokenContext
    held: Held
    written_at: datetime


class ActingTokens:
    """Mints for whoever acts in a user's name."""

    def __init__(self, clock: Clock, roles: Roles, minter: AccessTokenMinter) -> None:
        self._clock = clock
        self._roles = roles
        self._minter = minter

    async def issue(
        self, tx: Transaction, *, session: StartedSession, actor: str, audience: AudienceView
    ) -> ActingGrant:
        """Write a grant that has no refresh token. `mint` makes the token of it, once it has committed."""
        now, grant_id = self._clock.now(), random_id()
        row: dict[str, UUID | object] = {
            "id": new_id(now),
            "grant_id": grant_id,
            "session_id": session.id,
            "user_id": session.user_id,
            "client_id": FIRST_PARTY_CLIENT,
            "audience": audience.name,
            "now": now,
            "expires_at": session.expires_at,
        }
        await tx.execute(_ADD, row)
        context = TokenContext(
            sid=session.sid,
            grant_id=grant_id,
            client_id=FIRST_PARTY_CLIENT,
            auth_time=session.auth_time,
            amr=session.amr,
            acr=session.acr,
            session_expires_at=session.expires_at,
            actor=actor,
        )
        return ActingGrant(context=context, held=await self._roles.read(tx, session.user_id), written_at=now)

    async def mint(self, grant: ActingGrant, *, subject: TokenSubject, audience: AudienceView) -> MintedToken:
        """The one access token, with all that the user holds at the audience."""
        return await self._minter.mint(
            held=grant.held,
            read_at=grant.written_at,
            subject=subject,
            context=grant.context,
            audience=audience,
            holdings=await self._roles.holdings(grant.held, audience.name),
            requested=None,
        )
