"""Refusals about clients."""

from typing import ClassVar

from app.foundation.errors import Conflict, NotAuthenticated, NotFound, Unprocessable


class ClientNotAuthenticated(NotAuthenticated):
    """Client authentication failed: one answer for every reason. Spec: RFC 6749 §5.2."""

    code, title = "invalid_client", "Client authentication failed"
    challenge: ClassVar[str] = 'Basic realm="auth-service", charset="UTF-8"'


class ClientNotFound(NotFound):
    """No client has that id."""

    code, title = "client_not_found", "There is no such client"


class InvalidClientDefinition(Unprocessable):
    """A part of the definition breaks a rule. Each fault names its part and what is right."""

    code, title = "invalid_client_definition", "The client is not defined right"


class ClientHasNoSecret(Conflict):
    """The client proves itself otherwise, so there is no secret to rotate."""

    code, title = "client_without_secret", "This client has no secret"
