"""Refusals of the account's routes."""

from app.foundation.errors import NotAuthenticated, TooManyRequests


class StaleAuthentication(NotAuthenticated):
    """The act needs a sign-in more recent than this session's. Spec: RFC 9470 §3."""

    code, title = "insufficient_user_authentication", "Sign in again to do this"


class TooManyExports(TooManyRequests):
    """The person took as many exports in the last hour as they may."""

    code, title = "too_many_exports", "Too many exports"
