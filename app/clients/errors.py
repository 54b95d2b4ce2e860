"""Refusals about clients."""

from typing import ClassVar

from app.foundation.errors import NotAuthenticated, NotFound, Unprocessable


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
