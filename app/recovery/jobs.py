"""What the worker does for recovery when something happened."""

from collections.abc import Sequence

from app.audit.fanout import PastEvent, Subscription
from app.recovery.service import PasswordRecovery


def subscriptions(recovery: PasswordRecovery) -> Sequence[Subscription]:
    """A request leads to a mail. Told twice, it mails twice, and the newer link is the good one."""

    async def requested(event: PastEvent) -> None:
        identifier = event.details.get("identifier")
        if isinstance(identifier, str):
            await recovery.send(identifier)

    return (Subscription("password.reset_requested", requested, "reset mails"),)
