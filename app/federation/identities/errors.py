"""Refusals about identities."""

from app.foundation.errors import Conflict, NotFound


class IdentityNotFound(NotFound):
    """The caller has no such identity."""

    code, title = "identity_not_found", "You have no such sign-in provider"


class LastWayIn(Conflict):
    """Without this identity its user could not sign in any more."""

    code, title = "last_way_in", "This is your last way to sign in"
