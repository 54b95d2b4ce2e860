"""Refusals about groups."""

from app.foundation.errors import Conflict, NotFound, Unprocessable


class GroupNotFound(NotFound):
    """There is no such group."""

    code, title = "group_not_found", "There is no such group"


class GroupExists(Conflict):
    """The name is taken."""

    code, title = "group_exists", "There is a group of that name already"


class InvalidGroup(Unprocessable):
    """A name or description breaks a rule."""

    code, title = "invalid_group", "The group is not defined right"


class TooManyGroups(Conflict):
    """A user is in as many groups as a token can name."""

    code, title = "too_many_groups", "The user is in too many groups"
