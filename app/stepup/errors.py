"""Refusals of step-up."""

from app.foundation.errors import BadRequest, Forbidden, NotAuthenticated


class ProofRefused(NotAuthenticated):
    """What was presented does not prove that the user is there: one answer for every reason."""

    code, title = "invalid_credentials", "That does not prove who you are"


class InvalidChallenge(BadRequest):
    """The challenge is unknown, another session's, used, expired, or was tried too often: one answer for all."""

    code, title = "invalid_challenge", "This challenge cannot be answered"


class NoUsableFactor(Forbidden):
    """The user has nothing enrolled by which this may be proven."""

    code, title = "no_usable_factor", "There is nothing to prove this by"
