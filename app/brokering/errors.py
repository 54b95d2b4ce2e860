"""Refusals of federated sign-in by JSON."""

from app.foundation.errors import BadRequest


class InvalidExchangeCode(BadRequest):
    """The code is unknown, too old, spent, or answered by another verifier: one answer for every reason."""

    code, title = "invalid_exchange_code", "This code is worth nothing"


class InvalidLogout(BadRequest):
    """The word of the end of a session is not one that this provider could have given: one answer for every reason."""

    code, title = "invalid_logout_token", "This is no logout token of that provider"
