"""Whether a token that a client got for itself still counts."""

from app.clients import store
from app.foundation.db import Database


class ClientLiveness:
    """Looks up the live state below a client's own token, which has no session and no grant."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def is_live(self, client_id: str, issued_at: int) -> bool:
        """Whether the client is there and enabled, and has not ended what it got until then (a NumericDate).

        One statement on the hot pool. Raises DatabaseUnavailable.
        """
        return await self._db.fetchrow(store.INSPECT, client_id, issued_at, repeatable=True) is not None
