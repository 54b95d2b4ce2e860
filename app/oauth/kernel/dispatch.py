"""Our own dispatch of aioauth's grant types: look up, validate, create. Exceptions reach the caller."""

from collections.abc import Mapping

from aioauth.errors import OAuth2Error
from aioauth.grant_type import GrantTypeBase
from aioauth.responses import TokenResponse
from aioauth.storage import BaseStorage

from app.foundation.oauth_errors import UnsupportedGrantType
from app.oauth.kernel.errors import translated
from app.oauth.kernel.grants import ClientCredentials
from app.oauth.kernel.request import Asked, kernel_request
from app.protocols.oauth.registration import GrantType

GRANT_TYPES: Mapping[str, type[GrantTypeBase]] = {GrantType.CLIENT_CREDENTIALS.value: ClientCredentials}

NAMES = (
    "aioauth.collections.HTTPHeaderDict",
    "aioauth.config.Settings",
    "aioauth.errors.OAuth2Error",
    "aioauth.grant_type.ClientCredentialsGrantType",
    "aioauth.grant_type.GrantTypeBase",
    "aioauth.models.Client",
    "aioauth.models.Token",
    "aioauth.requests.Post",
    "aioauth.requests.Query",
    "aioauth.requests.Request",
    "aioauth.responses.TokenResponse",
    "aioauth.storage.BaseStorage",
    "aioauth.types.GrantType",
    "aioauth.types.TokenType",
)
"""What we use of the library."""


class Kernel:
    """Redeems what a proven client presents, by the library's grant types on a storage."""

    def __init__(self, storage: BaseStorage) -> None:
        self._storage = storage

    async def redeem(self, grant_type: str, *, client_id: str, scope: str, asked: Asked | None = None) -> TokenResponse:
        """The tokens for a grant. Raises OAuthError, ClientChanged, and what the storage raises."""
        kind = GRANT_TYPES.get(grant_type)
        if kind is None:
            raise UnsupportedGrantType
        request = kernel_request(grant_type, scope, asked)
        # The client has proven itself before; the library only wants to see that it is none without a secret.
        grant = kind(self._storage, client_id, "")
        try:
            client = await grant.validate_request(request)
            return await grant.create_token_response(request, client)
        except OAuth2Error as error:
            raise translated(error) from error
