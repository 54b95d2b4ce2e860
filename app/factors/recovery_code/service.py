"""Making recovery codes, and using them."""

import base64
from collections.abc import Mapping
from uuid import UUID

from app.factors.factor import FactorName, Presented, Proof
from app.factors.recovery_code import store
from app.factors.recovery_code.models import CodeCount
from app.foundation.clock import Clock
from app.foundation.db import Transaction
from app.foundation.secrets import SecretHash, hash_secret, random_bytes
from app.protocols.assurance import Evidence
from app.users.user import User

CODES = 10
# 120 bits: from 112 on a fast hash keeps a look-up secret safe (ASVS 6.5.2), whoever reads the table.
CODE_BYTES = 15
GROUP = 6
EVIDENCE = Evidence(amr=("otp",))


class RecoveryCodes:
    """Recovery codes as a factor. Fills the contract of `app.factors.factor`."""

    name = FactorName.RECOVERY_CODE
    is_second = True

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def regenerate(self, tx: Transaction, user_id: UUID) -> tuple[str, ...]:
        """Ten new codes in place of all that there were. They are shown now and never again."""
        codes = tuple(_made_up() for _ in range(CODES))
        hashes = [_hash(user_id, _folded(code)) for code in codes]
        await store.replace(tx, user_id, hashes, self._clock.now())
        return codes

    async def count(self, tx: Transaction, user_id: UUID) -> CodeCount:
        """How many codes are left, and when they were made."""
        return await store.count(tx, user_id)

    async def is_enrolled(self, tx: Transaction, user_id: UUID) -> bool:
        """Whether a code is left."""
        return (await store.count(tx, user_id)).remaining > 0

    async def forget(self, tx: Transaction, user_id: UUID) -> bool:
        """Delete every code of the user."""
        return await store.remove(tx, user_id)

    async def begin(self, tx: Transaction, user: User, *, bound_to: str) -> Mapping[str, object]:  # noqa: ARG002
        """A code needs no challenge."""
        return {}

    async def weigh(self, user: User, presented: Presented) -> Presented:  # noqa: ARG002
        """Nothing here is slow."""
        return presented

    async def verify(
        self,
        tx: Transaction,
        user: User,
        presented: Presented,
        *,
        bound_to: str,  # noqa: ARG002
    ) -> Proof | None:
        """Whether the code is one of the user's and was not used; now it is. Case, spaces and dashes do not matter."""
        typed = _folded(presented.code or "")
        code_id = await store.use(tx, user.id, _hash(user.id, typed), self._clock.now())
        return None if code_id is None else Proof(factor=self.name, evidence=EVIDENCE, credential_id=code_id)


def _made_up() -> str:
    text = base64.b32encode(random_bytes(CODE_BYTES)).decode().lower()
    return "-".join(text[start : start + GROUP] for start in range(0, len(text), GROUP))


def _folded(typed: str) -> str:
    return typed.replace("-", "").replace(" ", "").lower()


def _hash(user_id: UUID, folded: str) -> SecretHash:
    # Bound to the user, so that equal hashes of two users would tell nothing.
    return hash_secret(f"{user_id}:{folded}")
