"""What people read about a password that they chose, in words that pages translate."""

from app.factors.password.errors import PasswordRefused
from app.factors.password.rules import FaultCode
from app.foundation.language import N_, Language

_FAULTS = {
    FaultCode.NOT_TEXT: N_("The password holds characters that are not text."),
    FaultCode.TOO_SHORT: N_("This password is too short."),
    FaultCode.TOO_LONG: N_("This password is too long."),
    FaultCode.TOO_COMMON: N_("This password is on lists of leaked ones. Choose another."),
    FaultCode.TOO_PERSONAL: N_("This is mostly your name, your address or the name of this service."),
    FaultCode.TOO_WEAK: N_("This password is easy to guess. Add another word or two."),
}


def said_of(refusal: PasswordRefused, language: Language) -> str:
    """What is wrong with a chosen password."""
    return " ".join(language.gettext(_FAULTS[fault.code]) for fault in refusal.faults)


def hint(least: int, language: Language) -> str:
    """What is asked of a password before it is chosen."""
    words = language.ngettext(
        "At least %(count)s character. A few words make a good one.",
        "At least %(count)s characters. A few words make a good one.",
        least,
    )
    return words % {"count": least}
