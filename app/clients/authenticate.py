"""Client authentication: who a program is, by exactly one method. Spec: RFC 6749 §2.3."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.audit.event import ANONYMOUS
from app.audit.service import AuditLog
from app.clients.assertions import ClientAssertions
from app.clients.errors import ClientNotAuthenticated
from app.clients.events import ClientRefused
from app.clients.presented import Presented, presented_by, presented_by_header
from app.clients.registered import ClientDirectory, RegisteredClient
from app.clients.rules import ServiceScope
from app.foundation.clock import Clock
from app.foundation.cors import note_client
from app.foundation.db import Database
from app.foundation.errors import Forbidden
from app.foundation.origin import Origin
from app.foundation.secrets import SecretHash, equal, hash_secret, random_secret
from app.limits.service import Limits
from app.protocols.oauth.registration import AuthMethod


class MissingServiceScope(Forbidden):
    """The client is known and not set up for what it asks."""

    code, title = "insufficient_scope", "The client's scope is too narrow"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticatedClient:
    """A client that has proven itself. `audience` is the stored name of the service it stands for, if any.

    With a `version` it is what this process keeps of it, and may be old.
    """

    client_id: str
    name: str
    audience: str | None
    scopes: frozenset[str]
    version: int | None = None

    def require_service(self, scope: ServiceScope) -> str:
        """The audience that it may ask about. Raises MissingServiceScope where it is no such service's client."""
        if self.audience is None or scope.value not in self.scopes:
            raise MissingServiceScope(f"This needs the credentials of a service with the scope {scope.value}.")
        return self.audience


class ClientAuthentication:
    """Checks the credentials of clients. One answer for every failure."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        audit: AuditLog,
        limits: Limits,
        *,
        directory: ClientDirectory,
        assertions: ClientAssertions,
    ) -> None:
        self._limits = limits
        self._db = db
        self._clock = clock
        self._audit = audit
        self._directory = directory
        self._assertions = assertions
        # Compared with in place of an unknown client's, so that neither case does less work.
        self._nobodys: SecretHash = hash_secret(random_secret())

    async def authenticate(self, authorization: Sequence[str], origin: Origin) -> AuthenticatedClient:
        """The client behind a request's Authorization headers, read anew; it must be one that uses Basic.

        Failures are limited for each client and address; what is malformed names no client and is none.
        Raises ClientNotAuthenticated, TooManyAttempts, DatabaseUnavailable. Spec: RFC 6749 §2.3.1, §5.2.
        """
        presented = presented_by_header(authorization)
        async with self._limits.client_auth(presented.client_id, origin):
            client = await self._judge(presented, await self._directory.read(presented.client_id), origin)
        return AuthenticatedClient(
            client_id=client.client_id, name=client.name, audience=client.audience, scopes=client.scopes
        )

    async def recognise(self, authorization: Sequence[str], origin: Origin) -> AuthenticatedClient:
        """As `authenticate`, by what this process may have kept of it: whoever answers it confirms its `version`."""
        client = await self.prove(authorization, {}, origin)
        return AuthenticatedClient(
            client_id=client.client_id,
            name=client.name,
            audience=client.audience,
            scopes=client.scopes,
            version=client.version,
        )

    async def prove(self, authorization: Sequence[str], fields: Mapping[str, str], origin: Origin) -> RegisteredClient:
        """The client behind a token request, by its registered method; a public one only says its name.

        What this process holds of it may be old: whoever gives it something confirms its `version`. Raises
        InvalidRequest and as `authenticate`.
        """
        presented = presented_by(authorization, fields)
        note_client(presented.client_id)
        async with self._limits.client_auth(presented.client_id, origin):
            known = self._directory.known(presented.client_id)
            if known is not None and known.enabled and presented.assertion is None and self._fits(known, presented):
                return known
            return await self._judge(presented, await self._directory.read(presented.client_id), origin)

    async def prove_again(
        self, authorization: Sequence[str], fields: Mapping[str, str], origin: Origin
    ) -> RegisteredClient:
        """The client of a request that was proven a moment ago, read anew because it has changed since.

        A signed statement has counted by then and is not spent again; that it holds is. Raises as `prove`.
        """
        presented = presented_by(authorization, fields)
        client = await self._directory.read(presented.client_id)
        if presented.assertion is None or client is None:
            return await self._judge(presented, client, origin)
        if not client.enabled or not await self._assertions.is_signed(presented.assertion, client):
            raise ClientNotAuthenticated(detail="the client was changed meanwhile")
        return client

    async def is_current(self, client: RegisteredClient) -> bool:
        """Whether a client still is as it was read. Raises DatabaseUnavailable."""
        fresh = await self._directory.read(client.client_id)
        return fresh is not None and fresh.version == client.version

    async def _judge(self, presented: Presented, client: RegisteredClient | None, origin: Origin) -> RegisteredClient:
        fits = self._fits(client, presented)
        if client is None:
            raise ClientNotAuthenticated(detail="unknown client")
        reason = "" if client.enabled else "disabled"
        if presented.method is not client.auth_method:
            reason = f"another method than {client.auth_method.value}"
        elif presented.assertion is not None:
            reason = reason or await self._assertions.fault_of(presented.assertion, client)
        elif not fits:
            reason = "wrong secret"
        if reason:
            await self._record(client.client_id, reason, origin)
            raise ClientNotAuthenticated(detail=reason)
        return client

    def _fits(self, client: RegisteredClient | None, presented: Presented) -> bool:
        """Whether the method is the client's and the secret one of its own that counts."""
        if client is not None and presented.method is client.auth_method is AuthMethod.NONE:
            return True
        moment = self._clock.now().timestamp()
        hashes = [secret.hash for secret in client.secrets if secret.counts(moment)] if client is not None else []
        given = hash_secret(presented.raw_secret)
        # A list, not a generator: every hash is looked at, whichever fits.
        matches = any([equal(given, stored) for stored in hashes or [self._nobodys]])  # noqa: C419
        return client is not None and matches and presented.method is client.auth_method

    async def _record(self, client_id: str, reason: str, origin: Origin) -> None:
        async with self._db.transaction() as tx:
            event = ClientRefused(actor=ANONYMOUS, origin=origin, subject=client_id, reason=reason)
            await self._audit.record(tx, event)
