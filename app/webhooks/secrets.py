"""The secrets of endpoints: made, sealed, and opened to sign."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from app.foundation.db import Transaction
from app.foundation.encryption import Keyring
from app.foundation.ids import new_id
from app.foundation.secrets import random_bytes
from app.protocols.standard_webhooks import SECRET_BYTES, show_secret
from app.webhooks import store

_PURPOSE = "webhook secret"
# More than two only where secrets are rotated again within an overlap; a header has its limits.
_MOST_SIGNATURES = 5


class EndpointSecrets:
    """Seals each secret for the row that it stands in."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    async def add(self, tx: Transaction, endpoint_id: UUID, *, now: datetime) -> str:
        """Give an endpoint a further secret, and return it as its owner is shown it."""
        key, secret_id = random_bytes(SECRET_BYTES), new_id(now)
        sealed = self._keyring.encrypt(key, purpose=_PURPOSE, bound_to=str(secret_id))
        await store.add_secret(tx, secret_id, endpoint_id=endpoint_id, sealed=sealed, now=now)
        return show_secret(key)

    async def keys(self, tx: Transaction, endpoint_ids: Sequence[UUID], *, now: datetime) -> dict[UUID, list[bytes]]:
        """The keys that sign for each endpoint, the newest first. Raises DecryptionFailed."""
        keys: dict[UUID, list[bytes]] = {each: [] for each in endpoint_ids}
        for row in await store.live_secrets(tx, endpoint_ids, now=now):
            if len(keys[row.endpoint_id]) < _MOST_SIGNATURES:
                opened = self._keyring.decrypt(row.sealed, purpose=_PURPOSE, bound_to=str(row.id))
                keys[row.endpoint_id].append(opened)
        return keys
