"""The identity providers that people can sign in by."""

import logging
from collections.abc import Sequence

from sqlalchemy import text

from app.federation.connector import Connection
from app.federation.providers import store
from app.federation.providers.errors import IdentityProviderNotFound
from app.federation.providers.rules import domain_key
from app.federation.providers.stored import Shelf, Stored
from app.foundation.db import Database, Transaction
from app.foundation.encryption import DecryptionFailed
from app.foundation.errors import Unavailable
from app.foundation.snapshot import FOLLOW_SECONDS, Snapshot

_ONE_BY_NAME = text(store.ONE.replace("$1", ":id"))

_logger = logging.getLogger(__name__)


class IdentityProviders:
    """Finds connections for sign-ins. `declared` are those of the settings, which go before the registered ones.

    `get` asks the database each time: a provider that was disabled admits nobody from then on. The lists for pages
    are as of the last second.
    """

    def __init__(self, db: Database, shelf: Shelf, *, declared: Sequence[Connection] = ()) -> None:
        self._db = db
        self._shelf = shelf
        self._declared = {one.id: one for one in declared}
        self._reading = Snapshot[tuple[Stored, ...]](db, store.REGISTRY, shelf.of_registry, empty=())

    async def get(self, tx: Transaction | None, provider_id: str) -> Connection:
        """The connection of this id with its secret, where it is enabled.

        Raises IdentityProviderNotFound, also for a disabled one, DecryptionFailed, DatabaseUnavailable.
        """
        found = self._declared.get(provider_id) or await self._find(tx, provider_id)
        if found is None or not found.is_enabled:
            raise IdentityProviderNotFound
        return found

    async def shown(self) -> Sequence[Connection]:
        """Those that the sign-in page has a button for: the declared ones, then the registered, oldest first.

        Where the registry cannot be read, its last reading serves.
        """
        return [one for one in await self._enabled() if one.policy.is_shown]

    async def for_domain(self, domain: str) -> Connection | None:
        """The provider that people with mail addresses of this domain are sent to. `domain` in any spelling."""
        wanted = domain_key(domain)
        if wanted is None:
            return None
        return next((one for one in await self._enabled() if wanted in one.policy.domains), None)

    async def refresh(self) -> None:
        """Read the registry now. Raises DatabaseUnavailable and keeps the last reading."""
        await self._reading.load()

    async def _find(self, tx: Transaction | None, provider_id: str) -> Connection | None:
        if not (provider_id.isascii() and provider_id.isprintable()):
            return None
        if tx is None:
            row = await self._db.fetchrow(store.ONE, provider_id, repeatable=True)
            found = None if row is None else str(row[0])
        else:
            found = await tx.scalar(_ONE_BY_NAME, {"id": provider_id})
        return None if found is None else self._shelf.open(self._shelf.of_json(found))

    async def _enabled(self) -> list[Connection]:
        try:
            await self._reading.load_unless(lambda _: False, least_seconds=FOLLOW_SECONDS)
        except Unavailable as error:
            # A page with the buttons of a moment ago serves people better than none.
            _logger.warning("the identity providers cannot be read; the last reading serves: %s", error)
        found = [one for one in self._declared.values() if one.is_enabled]
        for stored in self._reading.value:
            if stored.provider.id not in self._declared and stored.provider.definition.is_enabled:
                found += self._opened(stored)
        return found

    def _opened(self, stored: Stored) -> list[Connection]:
        try:
            return [self._shelf.open(stored)]
        except (DecryptionFailed, IdentityProviderNotFound) as error:
            # Its own sign-ins fail; the others' shall not fail with them.
            _logger.warning("identity provider %s cannot be used: %s", stored.provider.id, error)
            return []
