"""A client's token for itself. Spec: RFC 6749 §4.4."""

from collections.abc import Mapping

from app.audiences.service import AudienceView
from app.foundation.oauth_errors import InvalidTarget
from app.grants.client_token import ClientTokens
from app.grants.scope import parse_scope
from app.oauth.grant_types.grant_type import TokenRequest
from app.oauth.kernel.dispatch import Kernel
from app.oauth.kernel.request import Asked
from app.protocols.oauth import registration


class ClientCredentials:
    """Resolves the audience and lets the kernel do the rest."""

    name = registration.GrantType.CLIENT_CREDENTIALS.value

    def __init__(self, tokens: ClientTokens, kernel: Kernel) -> None:
        self._tokens = tokens
        self._kernel = kernel

    async def redeem(self, asked: TokenRequest) -> Mapping[str, object]:
        """One access token and no refresh token. Raises InvalidTarget, InvalidScope, UnauthorizedClient."""
        audience = await self._audience(asked)
        scope = asked.fields.get("scope", "")
        parse_scope(scope)
        answer = await self._kernel.redeem(
            self.name,
            client_id=asked.client.client_id,
            scope=scope,
            asked=Asked(client=asked.client, audience=audience, origin=asked.origin),
        )
        return {
            "access_token": answer.access_token,
            "token_type": "Bearer",
            "expires_in": answer.expires_in,
            "scope": answer.scope,
        }

    async def _audience(self, asked: TokenRequest) -> AudienceView:
        """By `audience`, its name; by `resource`, that URI; by neither, the client's own."""
        name = asked.fields.get("audience") or None
        if not asked.resources:
            return await self._tokens.target_of(asked.client, name)
        if len(asked.resources) > 1 or name is not None:
            raise InvalidTarget("A token is for one audience: name one, by audience or by resource.")
        return await self._tokens.resource_of(asked.client, asked.resources[0])
