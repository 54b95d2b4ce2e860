"""Refusals of use cases that cross features."""

from app.foundation.errors import Conflict


class NotWhileSuspended(Conflict):
    """What was asked is not for a suspended user."""

    code, title = "user_suspended", "The user is suspended"
