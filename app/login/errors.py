"""Refusals of sign-ins."""

from app.foundation.errors import BadRequest, Forbidden, NotAuthenticated


class InvalidCredentials(NotAuthenticated):
    """Address and password do not match: one answer for every reason, so that it tells of no account."""

    code, title = "invalid_credentials", "That email address and password don't match"


class EmailNotVerified(Forbidden):
    """The password was right, and the address must be confirmed first. Never said while existence is hidden."""

    code, title = "email_not_verified", "Confirm your e-mail address first"


class MFARequired(Forbidden):
    """The first factor was right and does not suffice: `mfa_token` opens the next step, and nothing else."""

    code, title = "mfa_required", "One more step to sign in"


class InvalidMFAToken(NotAuthenticated):
    """The sign-in that the token stands for is over: too old, too many tries, finished, or never begun."""

    code, title = "invalid_mfa_token", "This sign-in is over; begin again"


class SecondFactorRefused(NotAuthenticated):
    """The proof was not right: one answer for every reason."""

    code, title = "invalid_factor", "That was not right"


class FactorNotOffered(BadRequest):
    """The sign-in's next step cannot be taken by this factor."""

    code, title = "factor_not_offered", "Not a factor of this step"


class PasskeyRefused(NotAuthenticated):
    """No passkey of ours signed this: one answer for every reason."""

    code, title = "invalid_passkey", "That passkey did not work"


class CodeRefused(NotAuthenticated):
    """No mailed code of ours, for this challenge and browser: one answer for every reason."""

    code, title = "invalid_code", "That code did not work"
