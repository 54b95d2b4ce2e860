"""What a page says when a step was refused: one sentence for every reason, so that it tells of no account."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from app.foundation.errors import ServiceError
from app.foundation.language import N_, Language
from app.limits.errors import TooManyAttempts
from app.limits.service import LOGIN_OF_ACCOUNT
from app.login.errors import (
    CodeRefused,
    EmailNotVerified,
    InvalidCredentials,
    InvalidMFAToken,
    PasskeyRefused,
    SecondFactorRefused,
)
from app.stepup.errors import ProofRefused


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A refusal as its page shows it: beside a field, or above the form.

    `wait_seconds` is for how long the same would be refused again; the words say it as `time`.
    """

    words: str
    status: int = 400
    headers: Mapping[str, str] = field(default_factory=dict)
    beside: bool = True
    wait_seconds: int = 0


NO_ADDRESS = Fault(words=N_("Type an email address, such as name@example.com."), status=422)
NO_MATCH = N_("That email address and password don’t match.")
NO_CODE = N_("That code did not work. It is wrong, too old or was used. Type the newest one.")
NO_PASSKEY = N_("That passkey did not work here. Try again, or choose another way.")
NOT_CONFIRMED = N_("Confirm your email address first: use the link that was mailed to you.")
TOO_OFTEN = N_("That was too often. To protect accounts we slow things down. Wait %(time)s and try again.")
TOO_OFTEN_HERE = N_(
    "That was too often. To protect accounts we slow things down. Wait %(time)s and try again, or use a passkey now."
)
OVER = N_("This took too long, or was tried too often. Start again.")

_MINUTE = 60
_ABOVE = (PasskeyRefused, EmailNotVerified, TooManyAttempts, InvalidMFAToken)
_WORDS: dict[type[ServiceError], str] = {
    InvalidCredentials: NO_MATCH,
    EmailNotVerified: NOT_CONFIRMED,
    CodeRefused: NO_CODE,
    PasskeyRefused: NO_PASSKEY,
    TooManyAttempts: TOO_OFTEN,
    InvalidMFAToken: OVER,
}
_BY_FACTOR = {
    "password": N_("That password is not right."),
    "passkey": NO_PASSKEY,
    "totp": N_("That code is not right, or too old. Type the one your app shows now."),
    "recovery_code": N_("That recovery code is not right, or was used before."),
    "email_code": NO_CODE,
}
REFUSALS: tuple[type[ServiceError], ...] = (*_WORDS, SecondFactorRefused, ProofRefused)
"""What a step may be refused by and its page shows; whatever else is raised gets the page of errors."""


def fault_of(error: ServiceError, *, factor: str = "") -> Fault:
    """The fault that a page shows for a refusal, of a proof by that factor where there was one."""
    words = _WORDS.get(type(error)) or _BY_FACTOR.get(factor, NO_CODE)
    kept = {name: value for name, value in error.headers.items() if name.lower() == "retry-after"}
    if not isinstance(error, TooManyAttempts):
        return Fault(words=words, status=error.status, headers=kept, beside=not isinstance(error, _ABOVE))
    # The limit is of what was typed, and is told the same whether there is such an account or not.
    return Fault(
        words=TOO_OFTEN_HERE if error.detail == LOGIN_OF_ACCOUNT else TOO_OFTEN,
        status=error.status,
        headers=kept,
        beside=False,
        wait_seconds=_rounded(int(kept["Retry-After"])),
    )


def said(fault: Fault, language: Language) -> str:
    """The words of a fault in the reader's language."""
    words = language.gettext(fault.words)
    return words % {"time": language.duration(fault.wait_seconds)} if fault.wait_seconds else words


def _rounded(seconds: int) -> int:
    """A length of time as people say it: whole minutes where it is more than one."""
    return seconds if seconds <= _MINUTE else math.ceil(seconds / _MINUTE) * _MINUTE
