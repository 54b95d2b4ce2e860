"""How an authorization request is refused.

Specs: RFC 6749 §4.1.2.1, OpenID Connect Core §3.1.2.6, RFC 8707 §2, RFC 9470 §5.
"""

from enum import StrEnum


class AuthorizationError(StrEnum):
    """The values of `error` in an answer to an authorization request."""

    INVALID_REQUEST = "invalid_request"
    UNAUTHORIZED_CLIENT = "unauthorized_client"
    ACCESS_DENIED = "access_denied"
    UNSUPPORTED_RESPONSE_TYPE = "unsupported_response_type"
    INVALID_SCOPE = "invalid_scope"
    INVALID_TARGET = "invalid_target"
    SERVER_ERROR = "server_error"
    TEMPORARILY_UNAVAILABLE = "temporarily_unavailable"
    INTERACTION_REQUIRED = "interaction_required"
    LOGIN_REQUIRED = "login_required"
    CONSENT_REQUIRED = "consent_required"
    ACCOUNT_SELECTION_REQUIRED = "account_selection_required"
    REQUEST_NOT_SUPPORTED = "request_not_supported"
    REQUEST_URI_NOT_SUPPORTED = "request_uri_not_supported"
    REGISTRATION_NOT_SUPPORTED = "registration_not_supported"
    UNMET_AUTHENTICATION_REQUIREMENTS = "unmet_authentication_requirements"

    @property
    def asks_for_a_page(self) -> bool:
        """Whether it only says that the user would have to be asked: the ordinary answer to `prompt=none`."""
        return self in _INTERACTIONS


_INTERACTIONS = frozenset(
    {
        AuthorizationError.INTERACTION_REQUIRED,
        AuthorizationError.LOGIN_REQUIRED,
        AuthorizationError.CONSENT_REQUIRED,
        AuthorizationError.ACCOUNT_SELECTION_REQUIRED,
    }
)


class RequestRefused(ValueError):
    """An authorization request cannot be granted. `description` is for the client's developer and quotes nothing."""

    def __init__(self, error: AuthorizationError, description: str) -> None:
        super().__init__(description)
        self.error = error
        self.description = description
