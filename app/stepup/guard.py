"""What keeps a stolen session from being a place to guess a password at.

A password at step-up is an attempt at the account like one at sign-in: counted by the same limits, heard by the same
alarm, and a wrong one more in the run that locks. Codes have their own factor's limits; a passkey cannot be guessed.
"""

from uuid import UUID

from app.audit.event import Actor
from app.factors.factor import FactorName
from app.factors.password.lockout import Lockout
from app.foundation.db import Transaction
from app.foundation.origin import Origin
from app.limits.service import Limits, LoginAttempt
from app.users.email import email_key
from app.users.user import User


class ProofGuard:
    """Stands before every proof of someone who is signed in."""

    def __init__(self, limits: Limits, lockout: Lockout) -> None:
        self._limits = limits
        self._lockout = lockout

    async def admit_challenge(self, user_id: UUID) -> None:
        """Count a challenge before it is made. Raises TooManyAttempts."""
        await self._limits.step_up(user_id)

    async def admit(self, user: User, name: FactorName, origin: Origin) -> LoginAttempt:
        """Count a proof before it is weighed; hand it back with how it ended. Raises TooManyAttempts."""
        key = email_key(user.email)
        if name is FactorName.PASSWORD:
            return await self._limits.login(key, origin)
        await self._limits.step_up(user.id)
        return self._limits.attempt(key, origin)

    async def count(self, tx: Transaction, user: User, name: FactorName, *, actor: Actor, origin: Origin) -> None:
        """Count a wrong password towards the lockout."""
        if name is FactorName.PASSWORD:
            await self._lockout.count(tx, user, actor=actor, origin=origin)

    def note(self, attempt: LoginAttempt, *, proven: bool) -> None:
        """Note how a proof ended, once its transaction has committed."""
        if proven:
            self._limits.login_succeeded(attempt)
        else:
            self._limits.login_failed(attempt)
