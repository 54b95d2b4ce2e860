"""Whether somebody publishes revocations and chains the audit log."""

from sqlalchemy.exc import SQLAlchemyError

from app.audit.verification import TAIL_SECONDS
from app.cli.diagnosis.finding import Finding, ok, warning
from app.foundation.clock import Clock
from app.foundation.db import Database
from app.foundation.errors import Unavailable
from app.revocation.pending import oldest_waiting
from app.settings import Settings

_CHECK = "publishing"
# Normal is a tenth of a second.
_UNNUMBERED_SECONDS = 5.0
_CURE = "Start a web process (`auth-service serve`); where one runs, its log says why it does not publish."


async def examine_publishing(settings: Settings) -> Finding:
    """What waits for the process that publishes. The database must have been found well before."""
    db = Database(settings.database.url.get_secret_value(), pool_size=1)
    try:
        await db.open()
        unnumbered, unchained = await oldest_waiting(db, Clock())
    except (Unavailable, SQLAlchemyError):
        return warning(_CHECK, "It cannot be looked at.", "Mend the database first.")
    finally:
        await db.close()
    if unnumbered > _UNNUMBERED_SECONDS:
        return warning(_CHECK, f"A revocation has waited for {unnumbered:.0f} seconds to be published.", _CURE)
    if unchained > TAIL_SECONDS:
        return warning(_CHECK, f"An audit entry has waited for {unchained:.0f} seconds for its place.", _CURE)
    return ok(_CHECK, "no revocation waits to be published, no audit entry for its place in the chain")
