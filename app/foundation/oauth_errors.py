"""The errors that OAuth's endpoints answer with. Spec: RFC 6749 §5.2."""

from http import HTTPStatus

from app.foundation.errors import ServiceError

_PATHS = ("/oauth/",)
_PATH = "/token"
# Codes of ours that clients of OAuth know, or need: the rest are told by their status.
_KNOWN = {
    "insufficient_scope": "insufficient_scope",
    "invalid_client": "invalid_client",
    "invalid_credentials": "invalid_grant",
    "invalid_scope": "invalid_scope",
    "invalid_target": "invalid_target",
    "mfa_required": "mfa_required",
}


def speaks_oauth(path: str) -> bool:
    """Whether every refusal at a path is in OAuth's form, also one that is raised before a route is found."""
    return path == _PATH or path.startswith(_PATHS)


class OAuthError(ServiceError):
    """A refusal whose `code` is OAuth's `error` and whose `description` is its `error_description`."""

    status, code, title = 400, "invalid_request", "The request is not right"


class InvalidRequest(OAuthError):
    """A parameter is missing, repeated or malformed."""


class InvalidClient(OAuthError):
    """Client authentication failed. It is answered with a challenge of the scheme that clients use."""

    status, code, title = 401, "invalid_client", "Client authentication failed"

    def __init__(self, description: str | None = None, *, detail: str | None = None) -> None:
        super().__init__(description, detail=detail, headers={"WWW-Authenticate": 'Basic realm="oauth"'})


class InvalidGrant(OAuthError):
    """The code, refresh token or assertion is not good, or not this client's."""

    code, title = "invalid_grant", "This grant is not accepted"


class UnauthorizedClient(OAuthError):
    """The client may not use this grant type."""

    code, title = "unauthorized_client", "This client may not do that"


class UnsupportedGrantType(OAuthError):
    """The grant type is not known here."""

    code, title = "unsupported_grant_type", "This grant type is not supported"


class InvalidScope(OAuthError):
    """A scope is malformed, unknown, or more than was granted."""

    code, title = "invalid_scope", "This scope is not accepted"


class InvalidTarget(OAuthError):
    """No audience of that name or resource, or not this client's. Spec: RFC 8707 §2."""

    code, title = "invalid_target", "This audience is not accepted"


def oauth_code(code: str, status: int) -> str:
    """OAuth's `error` for a refusal that is not OAuth's own: by its code where that is known there, else its status."""
    if code in _KNOWN:
        return _KNOWN[code]
    match status:
        case HTTPStatus.SERVICE_UNAVAILABLE | HTTPStatus.TOO_MANY_REQUESTS:
            return "temporarily_unavailable"
        case HTTPStatus.UNAUTHORIZED:
            return "invalid_token"
        case HTTPStatus.FORBIDDEN:
            return "access_denied"
        case _ if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return "server_error"
        case _:
            return "invalid_request"
