"""aioauth's grant types, as far as they are safe."""

from aioauth.grant_type import ClientCredentialsGrantType
from aioauth.models import Client
from aioauth.requests import Request
from aioauth.responses import TokenResponse


class ClientCredentials(ClientCredentialsGrantType):
    """The client credentials grant without a refresh token. Spec: RFC 6749 §4.4.3."""

    async def create_token_response(self, request: Request, client: Client) -> TokenResponse:
        """Have the storage sign a token: the library would draw two random ones that nobody gets."""
        token = await self.storage.create_token(
            request=request, client_id=client.client_id, scope=self.scope or "", access_token=""
        )
        return TokenResponse(expires_in=token.expires_in, access_token=token.access_token, scope=token.scope)
