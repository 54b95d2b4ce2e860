"""The library's refusals in our words."""

from aioauth.errors import OAuth2Error

from app.foundation.oauth_errors import (
    InvalidClient,
    InvalidGrant,
    InvalidRequest,
    InvalidScope,
    OAuthError,
    UnauthorizedClient,
    UnsupportedGrantType,
)


class ClientChanged(Exception):
    """The client is no longer what was read when the request began: begin again."""


def translated(error: OAuth2Error) -> OAuthError:
    """Our refusal for one of the library's; its words are for the log alone."""
    detail = f"{type(error).__name__}: {error.description}"
    match error.error:
        case "invalid_client":
            return InvalidClient(detail=detail)
        case "unauthorized_client":
            return UnauthorizedClient("This client was not given that grant type.", detail=detail)
        case "invalid_scope":
            return InvalidScope("This client holds no scope of that name at the audience.", detail=detail)
        case "invalid_grant":
            return InvalidGrant(detail=detail)
        case "unsupported_grant_type":
            return UnsupportedGrantType(detail=detail)
        case _:
            return InvalidRequest(detail=detail)
