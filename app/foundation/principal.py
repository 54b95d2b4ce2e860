"""Who is asking: the value that every guarded route receives, however the caller proved who they are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from app.foundation.errors import BadRequest, Forbidden, NotAuthenticated


class MissingToken(NotAuthenticated):
    """The request carries no credential. Its challenge names no error. Spec: RFC 6750 §3.1."""

    code, title = "missing_token", "Sign in first"


class AmbiguousCredentials(BadRequest):
    """More than one credential came with the request."""

    code, title = "ambiguous_credentials", "More than one credential"


class InsufficientScope(Forbidden):
    """The token is good and lacks the scope that the route asks for, which the challenge names. Spec: RFC 6750 §3.1."""

    code, title = "insufficient_scope", "Your token does not open this"

    def __init__(self, scope: str) -> None:
        words = f"This needs the scope {scope}."
        challenge = f'Bearer error="insufficient_scope", error_description="{words}", scope="{scope}"'
        super().__init__(words, headers={"WWW-Authenticate": challenge})


class NotWhileActing(Forbidden):
    """Somebody acts for the user, who alone may do this."""

    code, title = "not_while_acting", "Only the user may do this"


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """A caller whose credential was checked against the live state of its session and grant.

    `audience` is what the token was minted for; `own` says that this is the service itself, `browser`
    that the session cookie came and no token. `actor` is the `sub` of an administrator who acts in the user's name:
    such a caller opens the few routes alone that say so.

    Behind a caller with an API key (`key_id`) there is no session: `sid` and `grant_id` are empty, `session_id` is the
    key's row, and `auth_time` is the beginning of time, so that nothing that asks for a recent sign-in lets it in.
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
    browser: bool = False
    actor: str | None = None
    key_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Credentials:
    """What came with a request: its Authorization headers, its session cookies that have our shape, its API keys."""

    authorization: Sequence[str]
    sessions: Sequence[str] = ()
    api_keys: Sequence[str] = ()

    @property
    def cookie(self) -> str | None:
        """The session cookie that authenticates the request; None where a header does, or where there is not one."""
        return self.sessions[0] if len(self.sessions) == 1 and not self.authorization else None


class PrincipalResolver(Protocol):
    """Turns a request's credentials into its principal."""

    async def resolve(self, credentials: Credentials, *, own_only: bool) -> Principal:
        """The caller; with `own_only` a token for any other audience is refused. Raises NotAuthenticated."""
        ...

    async def resolve_key(self, credentials: Credentials, *, address: str | None) -> Principal:
        """The caller behind an API key for this service, that came from an address. Raises NotAuthenticated."""
        ...


class ResolverSlot:
    """Where wiring puts the resolver, so that lower layers can ask for a principal without knowing who resolves it."""

    def __init__(self, resolver: PrincipalResolver) -> None:
        self.resolver = resolver
