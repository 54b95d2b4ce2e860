"""Recording that a password was changed, and telling its owner."""

from app.audit.event import Actor
from app.audit.service import AuditLog
from app.factors.password.events import PasswordChanged
from app.foundation.clock import Clock
from app.foundation.db import Transaction
from app.foundation.device import device_of
from app.foundation.mail.outbox import Mail, Outbox, Value
from app.foundation.origin import Origin
from app.links.service import WasntMe
from app.users.user import User


class PasswordNotice:
    """The event and the mail of every change of a password."""

    def __init__(self, clock: Clock, audit: AuditLog, *, outbox: Outbox, wasnt_me: WasntMe) -> None:
        self._clock = clock
        self._audit = audit
        self._outbox = outbox
        self._wasnt_me = wasnt_me

    async def give(self, tx: Transaction, user: User, *, actor: Actor, origin: Origin) -> None:
        """Record the change and mail its owner, with a link for the case that it was somebody else."""
        await self._audit.record(tx, PasswordChanged(actor=actor, origin=origin, subject=user.sub))
        device = device_of(origin.user_agent)
        values: dict[str, Value] = {
            "at": self._clock.now(),
            "device": device.words if device else "-",
            "wasnt_me_url": await self._wasnt_me.link(tx, user.id),
        }
        mail = Mail(to=user.email, template="password_changed", values=values, locale=user.locale, user_id=user.id)
        await self._outbox.put(tx, mail)
