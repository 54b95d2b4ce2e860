"""Telling a service, or a client of its own tokens, what a credential amounts to. Spec: RFC 7662."""

from collections.abc import Collection, Mapping

from app.apikeys.inspect import APIKeyInspection, LiveKey
from app.apikeys.key import OwnerKind
from app.apikeys.reading import AskingClient, ClientChanged
from app.audiences.service import Audiences
from app.clients.authenticate import AuthenticatedClient
from app.clients.live import ClientLiveness
from app.clients.rules import ServiceScope
from app.grants.access_token import TYPE
from app.grants.inspect import GrantInspection
from app.grants.live_tokens import Asking
from app.grants.refresh_token import parse_token
from app.protocols.api_key import PREFIX
from app.protocols.jose.claims import TokenClaims
from app.revocation.lookup import RevocationLookup
from app.signing_keys.errors import InvalidToken
from app.signing_keys.service import SigningKeys

Answer = Mapping[str, object]
INACTIVE: Answer = {"active": False}
"""The whole answer about what does not count, is unknown, or is none of the asking client's business. §2.2"""

_LEFT_OUT = ("active", "token_type")


class Introspection:
    """Answers services about credentials for their own audience, by its name and every resource URI of it."""

    def __init__(
        self,
        keys: APIKeyInspection,
        *,
        signing_keys: SigningKeys,
        grants: GrantInspection,
        clients: ClientLiveness,
        lookup: RevocationLookup,
        audiences: Audiences,
        issuer: str,
    ) -> None:
        self._keys = keys
        self._signing_keys = signing_keys
        self._grants = grants
        self._clients = clients
        self._lookup = lookup
        self._audiences = audiences
        self._issuer = issuer

    async def introspect(self, client: AuthenticatedClient, credential: str) -> Answer:
        """What there is to say to a service of an API key, access token or refresh token.

        Raises ClientChanged where a client of which this process kept something must be read anew, or has no say;
        MissingServiceScope, InvalidTarget where the service's audience is gone, DatabaseUnavailable.
        """
        audience = client.require_service(ServiceScope.INTROSPECTION)
        if credential.startswith(PREFIX):
            key = await self._keys.find_live(credential, audience=audience, asking=_unconfirmed(client))
            return INACTIVE if key is None else self._of_key(key)
        return await self._of_token(client, credential, audience)

    async def introspect_own(self, client: AuthenticatedClient, credential: str) -> Answer:
        """What there is to say to a client of a token that was issued to it, where it is no service's."""
        return await self._of_token(client, credential, None)

    async def _of_token(self, client: AuthenticatedClient, credential: str, audience: str | None) -> Answer:
        if parse_token(credential) is not None:
            return await self._of_refresh_token(client, credential)
        try:
            verified = await self._signing_keys.verify(credential, typ=TYPE, issuer=self._issuer)
        except InvalidToken:
            verified = None
        accepted = frozenset[str]() if audience is None else await self._names_of(audience)
        if verified is None or not _concerns(verified, client.client_id, accepted):
            if client.version is not None:
                # Whoever asks must be who it was, also to be told nothing.
                raise ClientChanged
            return INACTIVE
        if not await self._is_live(client, verified):
            return INACTIVE
        told = {name: value for name, value in verified.members.items() if name not in _LEFT_OUT}
        return {"active": True, "token_type": "Bearer", **told}

    async def _of_refresh_token(self, client: AuthenticatedClient, credential: str) -> Answer:
        # Whose it is alone. Services take what is active for a bearer's right to be served, which this is nobody's.
        presented = parse_token(credential)
        found = None if presented is None else await self._grants.find_refresh_token(presented)
        if client.version is not None:
            raise ClientChanged
        if found is None or found.client_id != client.client_id:
            return INACTIVE
        aud = found.resource or self._audiences.aud_of(found.audience)
        return {
            "active": True,
            "token_type": "refresh_token",
            "iss": self._issuer,
            "sub": found.sub,
            "aud": aud,
            "client_id": found.client_id,
            "scope": found.scope,
            "sid": found.sid,
            "grant_id": found.grant_id,
            "iat": found.issued_at,
            "exp": found.expires_at,
        }

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

    async def _names_of(self, audience: str) -> frozenset[str]:
        view = await self._audiences.get(audience)
        return frozenset({view.aud, *view.resources})

    async def _is_live(self, client: AuthenticatedClient, verified: TokenClaims) -> bool:
        asking = None if client.version is None else Asking(client.client_id, client.version)
        # Where the client is to be confirmed too, one statement does both.
        if asking is None and await self._lookup.is_clear(verified):
            return True
        if verified.members["client_id"] == verified.sub:
            if asking is not None:
                raise ClientChanged
            return await self._clients.is_live(verified)
        live = await self._grants.find_live(verified, asking=asking)
        if live is None and asking is not None:
            # Nobody confirmed the client: perhaps it is that which has changed.
            raise ClientChanged
        return live is not None


def _concerns(verified: TokenClaims, client_id: str, accepted: Collection[str]) -> bool:
    """Whether a token is for the service that asks, or was issued to the client that asks."""
    return verified.members["client_id"] == client_id or any(aud in accepted for aud in verified.audiences)


def _unconfirmed(client: AuthenticatedClient) -> AskingClient | None:
    return None if client.version is None else AskingClient(client.client_id, client.version)
