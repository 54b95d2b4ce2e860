"""Ending every grant of an audience at once, and codes that nobody has redeemed yet."""

from sqlalchemy import text

from app.foundation.clock import Clock
from app.foundation.db import Transaction

# They live a minute, so that few rows are looked at.
_END_CODES = """
    UPDATE authorization_codes SET expires_at = :now
    WHERE expires_at > :now AND consumed_at IS NULL AND {column} = :target
    """
_OF_CLIENT = text(_END_CODES.format(column="client_id"))
_AT_AUDIENCE = text(_END_CODES.format(column="audience"))
_CUT_OFF = text("UPDATE audiences SET grants_after = greatest(grants_after, :now) WHERE name = :target")


class GrantCutOff:
    """Ends what was granted until now by one row, which every look at a grant finds.

    So the act costs the same for one grant and for a million. Those of a client end with its `tokens_not_before`.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def of_client(self, tx: Transaction, client_id: str) -> None:
        """Let no code count that was issued to a client."""
        await tx.execute(_OF_CLIENT, {"now": self._clock.now(), "target": client_id})

    async def at_audience(self, tx: Transaction, name: str) -> None:
        """Let no grant or code count that was asked for with the audience of that stored name."""
        values = {"now": self._clock.now(), "target": name}
        await tx.execute(_CUT_OFF, values)
        await tx.execute(_AT_AUDIENCE, values)
