"""A client's own tokens: no user, no session, no row; they count while the client does. Spec: RFC 9068 §2.2."""

from collections.abc import Collection
from dataclasses import dataclass

from app.audiences.own import SELF
from app.audiences.service import Audiences, AudienceView
from app.audit.event import Actor, ActorKind
from app.clients.events import ClientTokenIssued
from app.clients.issued import IssuedTokens
from app.clients.registered import RegisteredClient
from app.foundation.clock import Clock
from app.foundation.oauth_errors import InvalidTarget
from app.foundation.origin import Origin
from app.foundation.secrets import random_id
from app.grants.access_token import TYPE
from app.grants.errors import InvalidScope
from app.revocation.bars import let_pass
from app.signing_keys.service import SigningKeys


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientTokenRequest:
    """What a client asks for: one audience, and scopes of it or all that it holds there."""

    audience: AudienceView
    requested: Collection[str] | None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ClientToken:
    """A signed access token, when it was issued (a NumericDate), its life in seconds, and the scope it carries."""

    raw_token: str
    issued_at: int
    expires_in: int
    scope: str


class ClientTokens:
    """Issues access tokens to clients for themselves."""

    def __init__(
        self,
        clock: Clock,
        keys: SigningKeys,
        audiences: Audiences,
        issued: IssuedTokens,
        *,
        issuer: str,
        default_seconds: int,
    ) -> None:
        self._clock = clock
        self._keys = keys
        self._audiences = audiences
        self._issued = issued
        self._issuer = issuer
        self._default_seconds = default_seconds

    async def target_of(self, client: RegisteredClient, audience: str | None) -> AudienceView:
        """The audience of a client's request. Without a name it is the client's only one, or this service itself.

        Raises InvalidTarget for one that does not exist or is not the client's. Spec: RFC 8707 §2.
        """
        targets = client.targets
        if audience is None and targets:
            if len(targets) > 1:
                raise InvalidTarget("This client has several audiences: name one by audience or resource.")
            return await self._audiences.get(next(iter(targets)))
        return self._allowed(client, await self._audiences.resolve(audience))

    async def resource_of(self, client: RegisteredClient, uri: str) -> AudienceView:
        """The audience that a client names by a resource URI. Raises InvalidTarget."""
        return self._allowed(client, await self._audiences.resolve_resource(uri))

    @staticmethod
    def _allowed(client: RegisteredClient, view: AudienceView) -> AudienceView:
        # A client without any audience may still have a token for this service itself, which carries no scope.
        if view.name not in (client.targets or (SELF,)):
            raise InvalidTarget("This client may not ask for that audience.")
        return view

    async def issue(self, client: RegisteredClient, asked: ClientTokenRequest, origin: Origin) -> ClientToken | None:
        """A signed token whose audit entry is committed; None where the client has changed meanwhile: read it anew.

        Raises InvalidScope for a scope that the client does not hold, DatabaseUnavailable.
        """
        audience = asked.audience
        held = held_scopes(client, audience)
        scopes = held if asked.requested is None else tuple(sorted(set(asked.requested)))
        if not set(scopes) <= set(held):
            raise InvalidScope("This client holds no scope of that name at the audience.")
        # Until then its tokens are ended: the new one shall be none of them.
        await let_pass(self._clock, client.tokens_not_before)
        issued_at = int(self._clock.now().timestamp())
        lifetime = audience.access_token_seconds or self._default_seconds
        jti, scope = random_id(), " ".join(scopes)
        needed = {audience.scopes[name] for name in scopes}
        claims = {
            "iss": self._issuer,
            "sub": client.client_id,
            "aud": audience.aud,
            "client_id": client.client_id,
            "exp": issued_at + lifetime,
            "iat": issued_at,
            "jti": jti,
            "scope": scope,
            "roles": [],
            "permissions": sorted(permission for permission in needed if permission is not None),
        }
        raw_token = self._keys.sign(claims, algorithm=audience.algorithm, typ=TYPE)
        actor = Actor(ActorKind.CLIENT, client.client_id)
        event = ClientTokenIssued(
            actor=actor, origin=origin, subject=client.client_id, audience=audience.aud, scope=scope, jti=jti
        )
        if not await self._issued.record(client, event, issued_at=issued_at):
            return None
        return ClientToken(raw_token=raw_token, issued_at=issued_at, expires_in=lifetime, scope=scope)


def held_scopes(client: RegisteredClient, audience: AudienceView) -> tuple[str, ...]:
    """The scopes that a client holds at an audience: those it was given and that are still there, in order.

    Where it was given none by name, it is those that need no permission.
    """
    given = client.targets.get(audience.name)
    if given is None:
        return tuple(sorted(name for name, needed in audience.scopes.items() if needed is None))
    return tuple(sorted(name for name in given if name in audience.scopes))
