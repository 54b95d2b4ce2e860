"""Telling a downstream service about an API key or access token that was shown to it. Spec: RFC 7662."""

from collections.abc import Mapping

from app.apikeys.inspect import APIKeyInspection, LiveKey
from app.apikeys.key import OwnerKind
from app.apikeys.reading import AskingClient, ClientChanged
from app.audiences.service import Audiences
from app.clients.authenticate import AuthenticatedClient
from app.clients.live import ClientLiveness
from app.clients.rules import ServiceScope
from app.grants.access_token import TYPE
from app.grants.inspect import GrantInspection
from app.protocols.api_key import PREFIX
from app.protocols.jose.claims import TokenClaims
from app.signing_keys.errors import InvalidToken
from app.signing_keys.service import SigningKeys

Answer = Mapping[str, object]
INACTIVE: Answer = {"active": False}
"""The whole answer about what does not count, is unknown, or is none of the asking service's business. §2.2"""

_LEFT_OUT = ("active", "token_type")


class Introspection:
    """Answers services about credentials for their own audience."""

    def __init__(
        self,
        keys: APIKeyInspection,
        *,
        signing_keys: SigningKeys,
        grants: GrantInspection,
        clients: ClientLiveness,
        audiences: Audiences,
        issuer: str,
    ) -> None:
        self._keys = keys
        self._signing_keys = signing_keys
        self._grants = grants
        self._clients = clients
        self._audiences = audiences
        self._issuer = issuer

    async def introspect(self, client: AuthenticatedClient, credential: str) -> Answer:
        """What there is to say of an API key or access token.

        Raises ClientChanged where a client of which this process kept something must be read anew, or has no say;
        MissingServiceScope, InvalidTarget where the service's audience is gone, DatabaseUnavailable.
        """
        audience = client.require_service(ServiceScope.INTROSPECTION)
        if credential.startswith(PREFIX):
            key = await self._keys.find_live(credential, audience=audience, asking=_unconfirmed(client))
            return INACTIVE if key is None else self._of_key(key)
        if client.version is not None:
            raise ClientChanged
        return await self._of_token(credential, (await self._audiences.get(audience)).aud)

    def _of_key(self, key: LiveKey) -> Answer:
        answer: dict[str, object] = {
            "active": True,
            "token_type": "api_key",
            "iss": self._issuer,
            "sub": key.owner,
            "aud": key.audience,
            "scope": " ".join(key.scopes),
            "permissions": list(key.permissions),
            "jti": key.id,
            "name": key.name,
            "iat": key.created_at,
            "networks": list(key.networks),
        }
        if key.owner_kind is OwnerKind.CLIENT:
            answer["client_id"] = key.owner
        if key.expires_at is not None:
            answer["exp"] = key.expires_at
        if key.email is not None:
            answer["email"] = key.email
        return answer

    async def _of_token(self, raw_token: str, aud: str) -> Answer:
        try:
            verified = await self._signing_keys.verify(raw_token, typ=TYPE, issuer=self._issuer, audience=aud)
        except InvalidToken:
            return INACTIVE
        claims = verified.members
        if not await self._is_live(verified):
            return INACTIVE
        told = {name: value for name, value in claims.items() if name not in _LEFT_OUT}
        return {"active": True, "token_type": "Bearer", **told}

    async def _is_live(self, verified: TokenClaims) -> bool:
        claims = verified.members
        if claims["client_id"] == verified.sub:
            return await self._clients.is_live(verified)
        return await self._grants.find_live(verified) is not None


def _unconfirmed(client: AuthenticatedClient) -> AskingClient | None:
    return None if client.version is None else AskingClient(client.client_id, client.version)
