"""OAuth clients, as configuration."""

from collections import Counter
from datetime import timedelta

from app.admin.configuration.document import ClientEntry
from app.admin.configuration.kind import Acting, Present
from app.admin.configuration.references import read_secret
from app.clients.client import Client
from app.clients.given_secret import GivenSecrets
from app.clients.rules import ClientDefinition
from app.clients.service import Clients
from app.foundation.db import Transaction

SECRET_OVERLAP = timedelta(days=1)
_PAGE = 200


class ClientKind:
    """Clients, by their names: a `client_id` is made here and is no configuration."""

    word, part = "client", "clients"

    def __init__(self, clients: Clients, secrets: GivenSecrets) -> None:
        self._clients = clients
        self._secrets = secrets

    async def read(self, tx: Transaction) -> Present[ClientEntry]:
        """Every client whose name no other has."""
        found = await self._list(tx)
        times = Counter(client.name for client in found)
        entries = {client.name: _entry(client) for client in found if times[client.name] == 1}
        return Present(entries, frozenset(name for name, count in times.items() if count > 1))

    async def create(self, tx: Transaction, name: str, entry: ClientEntry, acting: Acting) -> None:
        """Register one. Raises what `Clients.create` raises."""
        made = await self._clients.create(tx, _definition(name, entry), actor=acting.actor, origin=acting.origin)
        if entry.disabled:
            await self._clients.disable(tx, made.client_id, actor=acting.actor, origin=acting.origin)

    async def update(self, tx: Transaction, name: str, entry: ClientEntry, acting: Acting) -> None:
        """Define one anew. Raises what `Clients.update` raises."""
        client_id = await self._id_of(tx, name)
        definition = _definition(name, entry)
        await self._clients.update(tx, client_id, definition, actor=acting.actor, origin=acting.origin)
        switch = self._clients.disable if entry.disabled else self._clients.enable
        await switch(tx, client_id, actor=acting.actor, origin=acting.origin)

    async def settle(self, tx: Transaction, name: str, entry: ClientEntry, acting: Acting) -> list[str]:
        """Give it the secret that its entry refers to; those that it had count for a day more."""
        if entry.secret is None:
            return []
        given = await self._secrets.give(
            tx,
            await self._id_of(tx, name),
            read_secret(entry.secret),
            overlap=SECRET_OVERLAP,
            actor=acting.actor,
            origin=acting.origin,
        )
        return [f"secret: the one of {entry.secret}"] if given else []

    async def remove(self, tx: Transaction, name: str, acting: Acting) -> bool:
        """Remove one for good."""
        await self._clients.delete(tx, await self._id_of(tx, name), actor=acting.actor, origin=acting.origin)
        return True

    async def _id_of(self, tx: Transaction, name: str) -> str:
        return next(client.client_id for client in await self._list(tx) if client.name == name)

    async def _list(self, tx: Transaction) -> list[Client]:
        found: list[Client] = []
        while page := await self._clients.list(tx, limit=_PAGE, after=found[-1].id if found else None):
            found += page
        return found


def _entry(client: Client) -> ClientEntry:
    stated = client.as_json()
    shown = {name: stated[name] for name in ClientEntry.model_fields if name in stated}
    return ClientEntry.model_validate({**shown, "disabled": client.disabled_at is not None})


def _definition(name: str, entry: ClientEntry) -> ClientDefinition:
    targets = {audience: None if held is None else tuple(held) for audience, held in entry.targets.items()}
    return ClientDefinition(
        name=name,
        audience=entry.audience,
        scopes=tuple(entry.scopes),
        grant_types=tuple(entry.grant_types),
        redirect_uris=tuple(entry.redirect_uris),
        auth_method=entry.token_endpoint_auth_method,
        targets=targets,
        jwks=entry.jwks,
        jwks_uri=entry.jwks_uri,
        **entry.metadata(),
    )
