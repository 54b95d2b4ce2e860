"""Client authentication: who a program is, by exactly one method. Spec: RFC 6749 §2.3."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from app.audit.event import ANONYMOUS
from app.audit.service import AuditLog
from app.clients import store
from app.clients.errors import ClientNotAuthenticated
from app.clients.events import ClientRefused
from app.clients.rules import ServiceScope, is_client_id
from app.foundation.clock import Clock
from app.foundation.db import Database
from app.foundation.errors import Forbidden
from app.foundation.origin import Origin
from app.foundation.secrets import SecretHash, equal, hash_secret, random_secret
from app.limits.service import Limits
from app.protocols.oauth.basic import BasicCredentials, MalformedCredentials, parse_basic


class MissingServiceScope(Forbidden):
    """The client is known and not set up for what it asks."""

    code, title = "insufficient_scope", "The client's scope is too narrow"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticatedClient:
    """A client that has proven itself. `audience` is the stored name of the service it stands for, if any."""

    client_id: str
    name: str
    audience: str | None
    scopes: frozenset[str]

    def require_service(self, scope: ServiceScope) -> str:
        """The audience that it may ask about. Raises MissingServiceScope where it is no such service's client."""
        if self.audience is None or scope.value not in self.scopes:
            raise MissingServiceScope(f"This needs the credentials of a service with the scope {scope.value}.")
        return self.audience


class ClientAuthentication:
    """Checks the credentials of clients."""

    def __init__(self, db: Database, clock: Clock, audit: AuditLog, limits: Limits) -> None:
        self._limits = limits
        self._db = db
        self._clock = clock
        self._audit = audit
        # Compared with in place of an unknown client's, so that neither case does less work.
        self._nobodys: SecretHash = hash_secret(random_secret())

    async def authenticate(self, authorization: Sequence[str], origin: Origin) -> AuthenticatedClient:
        """The client behind a request's Authorization headers. One answer for every failure.

        Failures are limited for each client and address; what is malformed names no client and is none.
        Raises ClientNotAuthenticated, TooManyAttempts, DatabaseUnavailable. Spec: RFC 6749 §2.3.1, §5.2.
        """
        presented = _basic(authorization)
        async with self._limits.client_auth(presented.client_id, origin):
            return await self._check(presented, origin)

    async def _check(self, presented: BasicCredentials, origin: Origin) -> AuthenticatedClient:
        row = None
        if is_client_id(presented.client_id):
            row = await self._db.fetchrow(
                store.FIND_FOR_AUTHENTICATION, presented.client_id, self._clock.now(), repeatable=True
            )
        hashes = [bytes.fromhex(text) for text in row["secret_hashes"].split()] if row is not None else []
        given = hash_secret(presented.raw_secret)
        # A list, not a generator: every hash is looked at, whichever fits.
        matches = any([equal(given, stored) for stored in hashes or [self._nobodys]])  # noqa: C419
        if row is None:
            raise ClientNotAuthenticated(detail="unknown client")
        if not matches or not row["enabled"]:
            reason = "wrong secret" if not matches else "disabled"
            await self._record(row["client_id"], reason, origin)
            raise ClientNotAuthenticated(detail=reason)
        return AuthenticatedClient(
            client_id=row["client_id"],
            name=row["name"],
            audience=row["audience"],
            scopes=frozenset(json.loads(row["scopes"])),
        )

    async def _record(self, client_id: str, reason: str, origin: Origin) -> None:
        async with self._db.transaction() as tx:
            event = ClientRefused(actor=ANONYMOUS, origin=origin, subject=client_id, reason=reason)
            await self._audit.record(tx, event)


def _basic(authorization: Sequence[str]) -> BasicCredentials:
    if len(authorization) != 1:
        raise ClientNotAuthenticated(
            "Send exactly one Authorization header, of the scheme Basic.", detail=f"{len(authorization)} credentials"
        )
    try:
        presented = parse_basic(authorization[0])
    except MalformedCredentials as error:
        raise ClientNotAuthenticated(detail=str(error)) from error
    if presented is None:
        raise ClientNotAuthenticated("Clients authenticate by the scheme Basic.", detail="another scheme")
    return presented
