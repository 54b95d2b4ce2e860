"""Another access token under a live grant, without spending its refresh token."""

from app.audiences.service import Audiences, AudienceView
from app.foundation.clock import Clock
from app.foundation.db import Database
from app.grants import store
from app.grants.mint import AccessTokenMinter, MintedToken
from app.roles.rules import Held
from app.roles.service import Roles


class AccessTokenReissue:
    """Mints what a refresh would mint now: the session's present proof, the rights held at this moment."""

    def __init__(
        self, db: Database, clock: Clock, *, audiences: Audiences, roles: Roles, minter: AccessTokenMinter
    ) -> None:
        self._db = db
        self._clock = clock
        self._audiences = audiences
        self._roles = roles
        self._minter = minter

    async def reissue(self, *, sid: str, grant_id: str, sub: str, audience: AudienceView | None) -> MintedToken | None:
        """An access token for an audience that the grant covers, or for the one it was asked for at sign-in.

        None where grant, session or user counts no more.

        One statement on the hot pool. Raises DatabaseUnavailable.
        """
        now = self._clock.now()
        row = await self._db.fetchrow(store.REISSUE, sid, grant_id, sub, now, repeatable=True)
        if row is None:
            return None
        held = Held.parse(row["held"])
        audience = audience or await self._audiences.get(row["audience"])
        return await self._minter.mint(
            held=held,
            read_at=now,
            subject=store.subject_of(row, held),
            context=store.context_of(row),
            audience=audience,
            holdings=await self._roles.holdings(held, audience.name),
            requested=None if row["scope"] is None else row["scope"].split(" "),
        )
