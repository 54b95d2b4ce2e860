"""What a user's first proof of their mailbox means for what was set up before it."""

from app.audit.event import Actor
from app.factors.password.service import Passwords
from app.factors.service import Factors
from app.federation.identities.service import Identities
from app.foundation.db import Transaction
from app.foundation.origin import Origin
from app.lifecycle.interruption import Interruption
from app.users.service import Users
from app.users.user import User


class AddressProof:
    """Takes an address for its user's by a mailed code.

    Where a proof is `required` before a sign-in, nobody has used an unverified account, and whoever signed up with
    somebody else's address may have left a password, a passkey or an identity of another provider in it, to get in by
    once its owner has come. So what was set up before the proof does not outlive it. Elsewhere such an account is in
    use, and keeps what it has.
    """

    def __init__(
        self,
        users: Users,
        passwords: Passwords,
        factors: Factors,
        identities: Identities,
        interruption: Interruption,
        *,
        required: bool,
    ) -> None:
        self._users = users
        self._passwords = passwords
        self._factors = factors
        self._identities = identities
        self._interruption = interruption
        self._required = required

    async def accept(self, tx: Transaction, user: User, *, actor: Actor, origin: Origin) -> User:
        """The user with a verified address; one that was verified before stays as it is."""
        if user.is_verified:
            return user
        if self._required:
            await self._interruption.end_everything(tx, user, reason="address_proven", actor=actor, origin=origin)
            await self._interruption.end_keys(tx, user, reason="address_proven", actor=actor, origin=origin)
            await self._passwords.delete(tx, user.id)
            await self._factors.forget_second(tx, user.id)
            await self._identities.forget(tx, user.id)
        return await self._users.mark_verified(tx, user.id, actor=actor, origin=origin)
