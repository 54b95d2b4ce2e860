"""Refusals of use cases that cross features."""

from app.foundation.errors import Conflict, Forbidden, NotFound


class NotWhileSuspended(Conflict):
    """What was asked is not for a user who is suspended, or whose account is closed."""

    code, title = "user_suspended", "The user is suspended"


class NotImpersonated(Forbidden):
    """Nobody acts in the name of this user."""

    code, title = "not_impersonated", "Nobody acts in this user's name"


class LastFactor(Conflict):
    """A second factor is required of the user, and this is the last one."""

    code, title = "last_factor", "A second factor is required here, and this is the last"


class ConsentNotFound(NotFound):
    """The user has allowed the client nothing, or it is no client."""

    code, title = "consent_not_found", "There is no such consent"
