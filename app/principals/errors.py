"""Refusals of credentials. A token that is not accepted is `signing_keys.errors.InvalidToken`."""

from app.foundation.errors import BadRequest, NotAuthenticated


class MissingToken(NotAuthenticated):
    """The request carries no credential. Its challenge names no error. Spec: RFC 6750 §3.1."""

    code, title = "missing_token", "Sign in first"


class AmbiguousCredentials(BadRequest):
    """More than one credential came with the request."""

    code, title = "ambiguous_credentials", "More than one credential"
