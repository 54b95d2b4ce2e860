"""Refusals about roles."""

from app.foundation.errors import Conflict, Forbidden, NotFound, Unprocessable


class RoleNotFound(NotFound):
    """No role has that name."""

    code, title = "role_not_found", "There is no such role"


class RoleExists(Conflict):
    """The name is taken."""

    code, title = "role_exists", "There is a role of that name already"


class InvalidRole(Unprocessable):
    """A name of a role or permission breaks a rule."""

    code, title = "invalid_role", "The role is not defined right"


class BuiltInRole(Conflict):
    """The role comes with the service and keeps what it holds there."""

    code, title = "built_in_role", "A built-in role cannot be changed like that"


class LastAdministrator(Conflict):
    """Nobody would be left who may administer this service."""

    code, title = "last_administrator", "This is the last administrator"


class RightNotHeld(Forbidden):
    """Who asks does not hold at this service what they want to give, take or act against."""

    code, title = "right_not_held", "You do not hold this right yourself"


class OwnRights(Forbidden):
    """The change would raise the rights of whoever makes it."""

    code, title = "own_rights", "Nobody raises their own rights"
