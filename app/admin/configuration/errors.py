"""Refusals of configuration."""

from app.foundation.errors import Conflict, Unprocessable


class InvalidConfiguration(Unprocessable):
    """The document cannot be read, or breaks a rule."""

    code, title = "invalid_configuration", "The configuration is not right"


class AmbiguousName(Conflict):
    """Several things of a kind have the name by which the document calls one."""

    code, title = "ambiguous_name", "More than one has this name"
