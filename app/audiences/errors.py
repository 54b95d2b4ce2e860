"""Refusals about audiences."""

from app.foundation.errors import BadRequest, Conflict, NotFound, Unprocessable


class InvalidTarget(BadRequest):
    """The audience asked for is unknown, or not among those that the grant covers. Spec: RFC 8707 §2."""

    code, title = "invalid_target", "There is no such audience"


class AudienceNotFound(NotFound):
    """No audience has that name."""

    code, title = "audience_not_found", "There is no such audience"


class AudienceExists(Conflict):
    """The name is taken."""

    code, title = "audience_exists", "There is an audience of that name already"


class AudienceClash(Conflict):
    """A name or resource URI would make two audiences, or an audience and this service, the same in a token."""

    code, title = "audience_clash", "Two audiences would be the same in a token"


class InvalidAudience(Unprocessable):
    """A part of the definition breaks a rule. Each fault names its part and what is right."""

    code, title = "invalid_audience", "The audience is not defined right"
