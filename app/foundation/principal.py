"""Who is asking: the value that every guarded route receives, however the caller proved who they are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """A caller whose credential was checked against the live state of its session and grant.

    `audience` is what the token was minted for; `own` says that this is the service itself.
    """

    sub: str
    user_id: UUID
    session_id: UUID
    sid: str
    grant_id: str
    client_id: str
    audience: str
    own: bool
    scopes: frozenset[str]
    roles: tuple[str, ...]
    auth_time: datetime
    acr: str


class PrincipalResolver(Protocol):
    """Turns a request's Authorization headers into its principal."""

    async def resolve(self, authorization: Sequence[str], *, own_only: bool) -> Principal:
        """The caller; with `own_only` a token for any other audience is refused. Raises NotAuthenticated."""
        ...


class ResolverSlot:
    """Where wiring puts the resolver, so that lower layers can ask for a principal without knowing who resolves it."""

    def __init__(self, resolver: PrincipalResolver) -> None:
        self.resolver = resolver
