"""Telling administrators that a webhook was paused."""

from sqlalchemy import text

from app.audiences.own import SELF
from app.audit.fanout import PastEvent
from app.foundation.db import Database
from app.foundation.mail.outbox import Mail, Outbox, Value
from app.roles.holding import HOLDINGS

TEMPLATE = "webhook_paused"
# Nobody reads a list of all administrators of a large house; whoever is told can look at the rest.
_MOST_MAILS = 20

_KEEPERS = text(
    f"""
    SELECT u.id, u.email, u.locale FROM users u WHERE u.status = 'active' AND EXISTS (
      SELECT 1 FROM {HOLDINGS} a JOIN role_permissions p ON p.role_id = a.role_id
      WHERE a.user_id = u.id AND (a.audience IS NULL OR a.audience = :own) AND p.audience = :own
        AND p.permission = 'admin:webhooks:write')
    ORDER BY u.id LIMIT :most
    """  # noqa: S608 — built from constants; every value is a parameter
)


class PauseNotice:
    """A subscriber: told at least once, it mails each administrator of webhooks once."""

    def __init__(self, db: Database, outbox: Outbox) -> None:
        self._db = db
        self._outbox = outbox

    async def tell(self, event: PastEvent) -> None:
        """Write the mails."""
        values: dict[str, Value] = {"host": str(event.details["host"]), "at": event.at}
        async with self._db.transaction() as tx:
            for row in (await tx.execute(_KEEPERS, {"own": SELF, "most": _MOST_MAILS})).all():
                mail = Mail(to=row.email, template=TEMPLATE, values=values, locale=row.locale, user_id=row.id)
                await self._outbox.put_once(tx, mail, key=f"{TEMPLATE}:{event.id}:{row.id}")
