"""Judging a client's signed statement: by its own keys, and once."""

import hashlib
from datetime import UTC, datetime

from app.clients import store
from app.clients.keys import ClientKeys
from app.clients.registered import RegisteredClient
from app.foundation.clock import Clock
from app.foundation.db import Database
from app.protocols.oauth.client_assertion import Assertion, AssertionRefused, check_assertion, is_signed_by
from app.protocols.oauth.registration import AuthMethod


class ClientAssertions:
    """Accepts each statement of a client once, everywhere. `audiences` are the names of this server."""

    def __init__(self, db: Database, clock: Clock, keys: ClientKeys, *, audiences: frozenset[str]) -> None:
        self._db = db
        self._clock = clock
        self._keys = keys
        self._audiences = audiences

    async def is_signed(self, assertion: Assertion, client: RegisteredClient) -> bool:
        """Whether the client has made a statement, be it spent or not."""
        by_key = client.auth_method is AuthMethod.PRIVATE_KEY_JWT
        return by_key and is_signed_by(assertion, await self._keys.of(client, assertion.kid))

    async def fault_of(self, assertion: Assertion, client: RegisteredClient) -> str:
        """Why a statement does not prove the client, for the log; empty where it does, and then it is spent.

        Raises DatabaseUnavailable.
        """
        if not await self.is_signed(assertion, client):
            return "assertion: not signed by a key of the client"
        try:
            single_use = check_assertion(
                assertion.claims, client_id=client.client_id, audiences=self._audiences, now=self._clock.now()
            )
        except AssertionRefused as error:
            return f"assertion: {error}"
        until = datetime.fromtimestamp(single_use.until, UTC)
        digest = hashlib.sha256(single_use.jti.encode()).digest()
        spent = await self._db.fetchrow(store.SPEND_ASSERTION, client.client_id, digest, until)
        return "" if spent is not None else "assertion: its jti was used before"
