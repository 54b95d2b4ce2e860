"""Refusals of sign-ins."""

from app.foundation.errors import NotAuthenticated


class InvalidCredentials(NotAuthenticated):
    """Address and password do not match: one answer for every reason, so that it tells of no account."""

    code, title = "invalid_credentials", "That email address and password don't match"
