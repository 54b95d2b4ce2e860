"""What hangs from a provider in features that stand elsewhere."""

from typing import Protocol

from app.foundation.db import Transaction


class Links(Protocol):
    """The links between accounts and identities of providers."""

    async def count_of(self, tx: Transaction, connection_id: str) -> int:
        """How many links were made by this connection."""
        ...

    async def remove_of(self, tx: Transaction, connection_id: str) -> None:
        """Forget them, with whatever was kept of the provider's for each."""
        ...
