"""What aioauth's grant types read and write, on our services."""

from collections.abc import Iterable
from typing import cast

from aioauth.models import Client, Token
from aioauth.requests import Request
from aioauth.storage import BaseStorage
from aioauth.types import GrantType, TokenType

from app.clients.errors import ClientNotFound
from app.clients.live import ClientLiveness
from app.clients.service import Clients
from app.foundation.db import Database
from app.grants.access_token import TYPE
from app.grants.client_token import ClientTokenRequest, ClientTokens, held_scopes
from app.oauth.kernel.errors import ClientChanged
from app.oauth.kernel.request import asked_by
from app.signing_keys.errors import InvalidToken
from app.signing_keys.service import SigningKeys


class AuthStorage(BaseStorage):
    """aioauth's storage on PostgreSQL. Clients are read by async SQLAlchemy, unless the pipeline has just proven one.

    Access tokens are signed and have no row: a client's own counts while the client does. Secrets stay outside:
    clients are authenticated before, and the library is told of none.
    """

    def __init__(
        self,
        db: Database,
        *,
        clients: Clients,
        tokens: ClientTokens,
        liveness: ClientLiveness,
        keys: SigningKeys,
        issuer: str,
    ) -> None:
        self._db = db
        self._clients = clients
        self._tokens = tokens
        self._liveness = liveness
        self._keys = keys
        self._issuer = issuer

    async def get_client(self, *, request: Request, client_id: str, client_secret: str | None = None) -> Client | None:
        """The client of that id, with the scopes that it holds at the audience asked for; None if it may do nothing."""
        asked = asked_by(request)
        if asked is not None and asked.client.client_id == client_id:
            held = held_scopes(asked.client, asked.audience)
            return _client(client_id, asked.client.grant_types, asked.client.redirect_uris, held)
        try:
            async with self._db.transaction() as tx:
                found = await self._clients.get(tx, client_id)
        except ClientNotFound:
            return None
        if found.disabled_at is not None:
            return None
        held = tuple(scope for scopes in found.definition.targets.values() for scope in scopes or ())
        return _client(client_id, found.definition.grant_types, found.definition.redirect_uris, held)

    async def create_token(
        self,
        *,
        request: Request,
        client_id: str,
        scope: str,
        access_token: str,
        refresh_token: str | None = None,
    ) -> Token:
        """A signed token of the client's own, durably recorded; what the library drew is not used.

        Raises ClientChanged, InvalidScope, DatabaseUnavailable.
        """
        asked = asked_by(request)
        if asked is None or asked.client.client_id != client_id:
            raise ValueError("a token is made for the client that the request carries")
        wanted = ClientTokenRequest(audience=asked.audience, requested=scope.split(" ") if scope else None)
        minted = await self._tokens.issue(asked.client, wanted, asked.origin)
        if minted is None:
            raise ClientChanged
        return _token(
            client_id, minted.raw_token, minted.scope, issued_at=minted.issued_at, expires_in=minted.expires_in
        )

    async def get_token(
        self,
        *,
        request: Request,
        client_id: str,
        token_type: TokenType | None = None,
        access_token: str | None = None,
        refresh_token: str | None = None,
    ) -> Token | None:
        """A client's own access token, if it counts at this moment. Raises DatabaseUnavailable."""
        if access_token is None:
            return None
        try:
            verified = await self._keys.verify(access_token, typ=TYPE, issuer=self._issuer)
        except InvalidToken:
            return None
        claims = verified.members
        if verified.sub != client_id or claims.get("client_id") != client_id:
            return None
        if not await self._liveness.is_live(verified):
            return None
        lifetime = verified.expires_at - verified.issued_at
        return _token(client_id, access_token, claims["scope"], issued_at=verified.issued_at, expires_in=lifetime)


def _client(client_id: str, grant_types: Iterable[str], redirect_uris: Iterable[str], scopes: Iterable[str]) -> Client:
    return Client(
        client_id=client_id,
        client_secret="",
        grant_types=cast("list[GrantType]", list(grant_types)),
        response_types=[],
        redirect_uris=list(redirect_uris),
        scope=" ".join(scopes),
    )


def _token(client_id: str, raw_token: str, scope: str, *, issued_at: int, expires_in: int) -> Token:
    return Token(
        access_token=raw_token,
        refresh_token=None,
        scope=scope,
        issued_at=issued_at,
        expires_in=expires_in,
        refresh_token_expires_in=0,
        client_id=client_id,
    )
