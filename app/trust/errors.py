"""Refusals about trusted browsers."""

from app.foundation.errors import NotFound


class TrustedBrowserNotFound(NotFound):
    """The user trusts no such browser, or not any more."""

    code, title = "trusted_browser_not_found", "There is no such trusted browser"
