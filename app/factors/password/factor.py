"""The password as a factor beside others."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from uuid import UUID

from app.factors.factor import FactorName, Presented, Proof
from app.factors.password.service import Passwords
from app.foundation.db import Database, Transaction
from app.protocols.assurance import Evidence
from app.users.user import User

PASSWORD_EVIDENCE = Evidence(amr=("pwd",))


@dataclass(frozen=True, slots=True)
class _Matching:
    """The stored hash that a password was found to match."""

    password_hash: str = field(repr=False)


class PasswordFactor:
    """Fills the contract of `app.factors.factor`: the hash is computed in `weigh`, `verify` finds it unchanged."""

    name = FactorName.PASSWORD
    is_second = False

    def __init__(self, db: Database, passwords: Passwords) -> None:
        self._db = db
        self._passwords = passwords

    async def is_enrolled(self, tx: Transaction, user_id: UUID) -> bool:
        """Whether the user has a password."""
        return await self._passwords.stored(tx, user_id) is not None

    async def forget(self, tx: Transaction, user_id: UUID) -> bool:
        """Take the user's password away."""
        return await self._passwords.delete(tx, user_id)

    async def begin(self, tx: Transaction, user: User, *, bound_to: str) -> Mapping[str, object]:  # noqa: ARG002
        """A password needs no challenge."""
        return {}

    async def weigh(self, user: User, presented: Presented) -> Presented:
        """Compare the password with its hash, which takes its time whether there is one or not. Raises HashingBusy."""
        async with self._db.transaction() as tx:
            stored = await self._passwords.stored(tx, user.id)
        matches = await self._passwords.verify(stored, presented.code or "")
        return replace(presented, weighed=_Matching(stored) if matches and stored is not None else None)

    async def verify(
        self,
        tx: Transaction,
        user: User,
        presented: Presented,
        *,
        bound_to: str,  # noqa: ARG002
    ) -> Proof | None:
        """Whether the password that was weighed is still the user's."""
        if not isinstance(presented.weighed, _Matching):
            return None
        if await self._passwords.stored(tx, user.id) != presented.weighed.password_hash:
            return None
        return Proof(factor=self.name, evidence=PASSWORD_EVIDENCE)
