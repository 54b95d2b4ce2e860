"""Whether a token that a client got for itself still counts."""

from app.clients import store
from app.foundation.db import Database
from app.protocols.jose.claims import TokenClaims


class ClientLiveness:
    """Looks up the live state below a client's own token, which has no session and no grant."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def is_live(self, verified: TokenClaims) -> bool:
        """Whether the client is there and enabled, and neither it nor anybody has ended this token.

        One statement on the hot pool. Raises DatabaseUnavailable.
        """
        row = await self._db.fetchrow(
            store.INSPECT,
            verified.sub,
            verified.issued_at,
            verified.members["jti"],
            verified.audiences[0],
            repeatable=True,
        )
        return row is not None
