"""Refusals about identities."""

from app.foundation.errors import Conflict, NotFound


class IdentityNotFound(NotFound):
    """The user has no such identity."""

    code, title = "identity_not_found", "No such sign-in provider is linked"


class LastWayIn(Conflict):
    """Without this identity its user could not sign in any more."""

    code, title = "last_way_in", "This is the last way to sign in"
