"""Refusals about API keys."""

from app.foundation.errors import BadRequest, Conflict, Forbidden, NotAuthenticated, NotFound, Unprocessable


class InvalidAPIKeyDefinition(Unprocessable):
    """A part of the definition breaks a rule. Each fault names its part and what is right."""

    code, title = "invalid_api_key_definition", "The API key is not defined right"


class UnknownScope(BadRequest):
    """The audience has no scope of that name. Spec: RFC 6749 §3.3."""

    code, title = "invalid_scope", "This scope is not accepted"


class ScopeNotHeld(Forbidden):
    """The key would open more than whoever asks for it holds at its audience, or may use here."""

    code, title = "scope_not_held", "You cannot give a key what you do not hold"


class APIKeyLimit(Conflict):
    """The owner has as many keys as one may have."""

    code, title = "api_key_limit", "There are as many API keys as there may be"


class APIKeyNotFound(NotFound):
    """There is no such key, or it is somebody else's."""

    code, title = "api_key_not_found", "There is no such API key"


class APIKeyOver(Conflict):
    """The key was revoked, has expired, or was rotated already: there is nothing to rotate."""

    code, title = "api_key_over", "This API key cannot be rotated"


class UsersOwnKey(Conflict):
    """The key is a user's, and who asks is not that user."""

    code, title = "users_own_key", "Only its user can do this with an API key"


class InvalidAPIKey(NotAuthenticated):
    """The key is malformed, unknown, expired, revoked, or not for here: one answer for all."""

    code, title = "invalid_api_key", "The API key is not accepted"
