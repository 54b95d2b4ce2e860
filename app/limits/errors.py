"""Refusals of too many attempts."""

from app.foundation.errors import TooManyRequests


class TooManyAttempts(TooManyRequests):
    """A limit is reached. The same for every account, whether there is one or not. Spec: RFC 6585 §4."""

    code, title = "too_many_attempts", "Too many attempts"
