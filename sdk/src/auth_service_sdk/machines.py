"""`require_api_key`: the rule of routes that are for machines alone."""

from typing import TYPE_CHECKING, Any

from starlette.requests import HTTPConnection

from auth_service_sdk.errors import REFUSAL_KEY, APIKeyStateUnknown, InvalidAPIKey, MissingAPIKey
from auth_service_sdk.identity import Identity, IdentityKind

if TYPE_CHECKING:
    from fastapi.openapi.models import APIKey
    from fastapi.security.base import SecurityBase

    HAS_FASTAPI = True
else:
    # FastAPI is optional: without it there is no OpenAPI document to describe the scheme in.
    try:
        from fastapi.openapi.models import APIKey
        from fastapi.security.base import SecurityBase

        HAS_FASTAPI = True
    except ImportError:
        SecurityBase, HAS_FASTAPI = object, False

KEY_HEADER = "X-API-Key"
"""Where OpenAPI says that an API key stands. A middleware may be told another `header`."""


class _RequireAPIKey(SecurityBase):
    """Returns the caller where an API key stands behind it, else raises MissingAPIKey. Its scheme is in OpenAPI."""

    scheme_name = "api_key"

    def __init__(self) -> None:
        if HAS_FASTAPI:
            self.model = _scheme()

    async def __call__(self, connection: HTTPConnection) -> Identity:
        scope = connection.scope
        refusal = scope.get(REFUSAL_KEY)
        identity = scope.get("state", {}).get("user")
        if isinstance(identity, Identity) and identity.kind is IdentityKind.API_KEY:
            return identity
        raise refusal if isinstance(refusal, InvalidAPIKey | APIKeyStateUnknown) else MissingAPIKey(KEY_HEADER)


def _scheme() -> Any:
    # The model's field is called `in`, which Python keeps for itself.
    return APIKey.model_validate(
        {"in": "header", "name": KEY_HEADER, "description": "An API key of this service's audience."}
    )


require_api_key = _RequireAPIKey()
