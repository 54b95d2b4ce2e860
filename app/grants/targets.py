"""What a client may ask of a user: one audience, and scopes there. Spec: RFC 6749 §3.3, RFC 8707 §2."""

from collections.abc import Collection, Sequence

from app.audiences.own import SELF, USERINFO
from app.audiences.service import Audiences, AudienceView
from app.clients.registered import RegisteredClient
from app.foundation.oauth_errors import InvalidTarget
from app.grants.client_token import held_scopes
from app.grants.errors import InvalidScope
from app.protocols.oauth.registration import GrantType
from app.protocols.oidc.scopes import IDENTITY_SCOPES, OFFLINE_ACCESS


class GrantTargets:
    """Resolves what a request names. A client never gets a user's token for this service itself."""

    def __init__(self, audiences: Audiences) -> None:
        self._audiences = audiences

    async def of(
        self, client: RegisteredClient, *, audience: str | None = None, resources: Sequence[str] = ()
    ) -> AudienceView:
        """The audience of a request: asked by name, its `aud` is the name; by a resource URI, that URI.

        By neither it is the client's only one; without one, the UserInfo endpoint. Raises InvalidTarget.
        """
        if len(resources) > 1 or (resources and audience):
            raise InvalidTarget("A token is for one audience: name one, by audience or by resource.")
        if resources:
            return self._allowed(client, await self._audiences.resolve_resource(resources[0]))
        if audience:
            return self._allowed(client, await self._audiences.resolve(audience))
        targets = [name for name in client.targets if name != SELF]
        if len(targets) > 1:
            raise InvalidTarget("This client has several audiences: name one by audience or resource.")
        return await self._audiences.get(targets[0]) if targets else self._audiences.userinfo

    async def named(
        self, client: RegisteredClient, audience: str | None, resources: Sequence[str]
    ) -> AudienceView | None:
        """The audience that a token request names again, if it names one. Raises InvalidTarget."""
        if not audience and not resources:
            return None
        return await self.of(client, audience=audience, resources=resources)

    @staticmethod
    def scopes(client: RegisteredClient, audience: AudienceView, requested: Collection[str] | None) -> tuple[str, ...]:
        """The scopes that a client may be allowed there, of those asked for; of all that it holds where none was.

        `offline_access` is left out for a client that may not refresh. Raises InvalidScope for one that is unknown, or
        that the client does not hold.
        """
        held = held_scopes(client, audience)
        if requested is None:
            return held
        if not set(requested) <= {*held, *IDENTITY_SCOPES}:
            raise InvalidScope("This client holds no scope of that name at the audience.")
        may_refresh = GrantType.REFRESH_TOKEN in client.grant_types
        return tuple(name for name in dict.fromkeys(requested) if name != OFFLINE_ACCESS or may_refresh)

    @staticmethod
    def _allowed(client: RegisteredClient, view: AudienceView) -> AudienceView:
        if view.name != USERINFO and (view.name == SELF or view.name not in client.targets):
            raise InvalidTarget("This client may not ask for that audience.")
        return view
