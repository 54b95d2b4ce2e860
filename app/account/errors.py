"""Refusals of the account's routes."""

from app.foundation.errors import TooManyRequests


class TooManyExports(TooManyRequests):
    """The person took as many exports in the last hour as they may."""

    code, title = "too_many_exports", "Too many exports"
