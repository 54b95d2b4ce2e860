"""Refusals of changes of passwords."""

from app.foundation.errors import Forbidden


class WrongPassword(Forbidden):
    """The present password is not the one that was given."""

    code, title = "wrong_password", "That is not your present password"
