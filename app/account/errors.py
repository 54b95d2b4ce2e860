"""Refusals of the account's routes."""

from app.foundation.errors import NotAuthenticated


class StaleAuthentication(NotAuthenticated):
    """The act needs a sign-in more recent than this session's. Spec: RFC 9470 §3."""

    code, title = "insufficient_user_authentication", "Sign in again to do this"
