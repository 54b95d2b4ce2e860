"""Whether an API key counts, and what it opens now."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.apikeys.key import OwnerKind
from app.apikeys.reading import AskingClient, KeyReader
from app.apikeys.rules import admits, client_scopes, open_scopes
from app.apikeys.usage import LastUses
from app.audiences.errors import InvalidTarget
from app.audiences.own import SELF
from app.audiences.service import Audiences, AudienceView
from app.foundation.clock import Clock
from app.foundation.secrets import equal, hash_secret
from app.protocols import api_key
from app.roles.rules import Held
from app.roles.service import Roles


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveKey:
    """A key that counts. `scopes` are those of the key that its owner still holds; `permissions` what they stand for.

    `audience` is what tokens for it say. Times are seconds since 1970.
    """

    row_id: UUID
    id: str
    name: str
    owner_kind: OwnerKind
    owner: str
    user_id: UUID | None
    audience: str
    scopes: tuple[str, ...]
    permissions: tuple[str, ...]
    networks: tuple[str, ...]
    email: str | None
    created_at: int
    expires_at: int | None


class APIKeyInspection:
    """Looks keys up where they are used. No answer is kept: what was revoked is refused by the next look."""

    def __init__(self, reader: KeyReader, clock: Clock, *, audiences: Audiences, roles: Roles, uses: LastUses) -> None:
        self._reader = reader
        self._clock = clock
        self._audiences = audiences
        self._roles = roles
        self._uses = uses

    async def find_live(self, raw_key: str, *, audience: str, asking: AskingClient | None = None) -> LiveKey | None:
        """The key of that text, if it counts at the audience of that stored name.

        None for whatever is wrong with it. Raises ClientChanged as `KeyReader.find` does, DatabaseUnavailable.
        """
        text = api_key.read(raw_key)
        row = None if text is None else await self._reader.find(text.row_id, asking=asking)
        if text is None or row is None or not equal(hash_secret(raw_key), bytes.fromhex(row["hash"])):
            return None
        now = self._clock.now()
        expires_at = row["expires_at"]
        if row["audience"] != audience or row["revoked"] or not _owner_counts(row):
            return None
        if expires_at is not None and expires_at <= now.timestamp():
            return None
        try:
            view = await self._audiences.get(audience)
        except InvalidTarget:
            return None
        live = await self._live(row, text, view)
        self._uses.note(text.row_id, now=now, written=row["last_used_at"])
        return live

    async def find_own(self, raw_key: str, *, address: str | None) -> LiveKey | None:
        """The same for this service itself, for a request from that address."""
        live = await self.find_live(raw_key, audience=SELF)
        return live if live is not None and admits(live.networks, address) else None

    async def _live(self, row: Mapping[str, Any], text: api_key.APIKeyText, view: AudienceView) -> LiveKey:
        held = await self._held(row, view)
        scopes = tuple(scope for scope in row["scopes"] if scope in held)
        needed = {view.scopes.get(scope) for scope in scopes}
        is_users = row["user_id"] is not None
        expires_at = row["expires_at"]
        return LiveKey(
            row_id=text.row_id,
            id=text.key_id,
            name=row["name"],
            owner_kind=OwnerKind.USER if is_users else OwnerKind.CLIENT,
            owner=row["sub"] if is_users else row["client_id"],
            user_id=UUID(row["user_id"]) if is_users else None,
            audience=view.aud,
            scopes=scopes,
            permissions=tuple(sorted(permission for permission in needed if permission is not None)),
            networks=tuple(row["networks"]),
            email=row["email"] if is_users and "email" in view.claims else None,
            created_at=int(row["created_at"]),
            expires_at=None if expires_at is None else int(expires_at),
        )

    async def _held(self, row: Mapping[str, Any], view: AudienceView) -> frozenset[str]:
        """The scopes of the audience that the owner holds at this moment."""
        if row["user_id"] is None:
            return client_scopes(row["client_targets"], view.name, view.scopes)
        held = await self._roles.holdings(Held.of(row["held"]), view.name)
        return open_scopes(view.scopes, held.permissions)


def _owner_counts(row: Mapping[str, Any]) -> bool:
    """Whether the owner is there and may act. One who is gone has no row, and so no state."""
    return bool(row["user_active"] or (row["client_id"] is not None and row["client_active"]))
