"""Whose a key is, and what that owner holds at an audience."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement

from app.apikeys import store
from app.apikeys.key import OwnerKind
from app.apikeys.rules import client_scopes, open_scopes
from app.audiences.service import AudienceView
from app.clients.service import Clients
from app.foundation.db import Transaction
from app.roles.service import Roles


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyOwner:
    """A user, by row id and subject, or a client, by its id alone."""

    id: str
    user_id: UUID | None = None

    @property
    def kind(self) -> OwnerKind:
        """Which of the two it is."""
        return OwnerKind.CLIENT if self.user_id is None else OwnerKind.USER

    @property
    def keys(self) -> ColumnElement[bool]:
        """The condition on the table of keys by which the owner's are found."""
        return store.of_client(self.id) if self.user_id is None else store.of_user(self.user_id)


class Holdings:
    """What owners hold now."""

    def __init__(self, roles: Roles, clients: Clients) -> None:
        self._roles = roles
        self._clients = clients

    async def scopes(self, tx: Transaction, owner: KeyOwner, audience: AudienceView) -> frozenset[str]:
        """The scopes of an audience that its owner could ask a token for. Raises ClientNotFound."""
        if owner.user_id is not None:
            held = await self._roles.held(tx, owner.user_id, audience.name)
            return open_scopes(audience.scopes, held.permissions)
        client = await self._clients.get(tx, owner.id)
        return client_scopes(client.definition.targets, audience.name, audience.scopes)
