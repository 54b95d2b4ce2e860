"""Every factor of this deployment behind one door."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from app.factors.factor import Factor, FactorName, Presented, Proof
from app.foundation.db import Transaction
from app.users.user import User


class Factors:
    """Verifies by any factor. Whoever asks for a proof (sign-in, step-up) comes here and knows no factor.

    A name that no factor of this deployment has is no error: nothing is enrolled by it and nothing proven.
    """

    def __init__(self, factors: Iterable[Factor]) -> None:
        self._factors = {factor.name: factor for factor in factors}

    async def enrolled(self, tx: Transaction, user_id: UUID) -> tuple[FactorName, ...]:
        """The factors by which a user can prove themselves, the password among them, in the deployment's order."""
        return tuple([name for name, factor in self._factors.items() if await factor.is_enrolled(tx, user_id)])

    async def second(self, tx: Transaction, user_id: UUID) -> tuple[FactorName, ...]:
        """Those of them that count as a second factor."""
        return tuple(name for name in await self.enrolled(tx, user_id) if self._factors[name].is_second)

    async def forget_second(self, tx: Transaction, user_id: UUID) -> tuple[FactorName, ...]:
        """Delete every second factor of a user and return which there were."""
        second = [factor for factor in self._factors.values() if factor.is_second]
        return tuple([factor.name for factor in second if await factor.forget(tx, user_id)])

    async def forget(self, tx: Transaction, user_id: UUID, name: FactorName) -> bool:
        """Delete what one factor keeps of a user; False where there was nothing."""
        factor = self._find(name)
        return factor is not None and await factor.forget(tx, user_id)

    async def begin(self, tx: Transaction, name: str, user: User, *, bound_to: str) -> Mapping[str, object] | None:
        """A challenge to show for one act; None where the user has not enrolled this factor."""
        factor = self._find(name)
        if factor is None or not await factor.is_enrolled(tx, user.id):
            return None
        return await factor.begin(tx, user, bound_to=bound_to)

    async def weigh(self, name: str, user: User, presented: Presented) -> Presented:
        """The slow part of a check, before the transaction: see `factor.Factor.weigh`. Raises HashingBusy."""
        factor = self._find(name)
        return presented if factor is None else await factor.weigh(user, presented)

    async def verify(
        self, tx: Transaction, name: str, user: User, presented: Presented, *, bound_to: str
    ) -> Proof | None:
        """The proof, or None. Single use is decided here; raise the refusal after the transaction."""
        factor = self._find(name)
        return None if factor is None else await factor.verify(tx, user, presented, bound_to=bound_to)

    def _find(self, name: str) -> Factor | None:
        return next((factor for known, factor in self._factors.items() if known == name), None)
