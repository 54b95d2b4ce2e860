"""E-mail addresses: their syntax, and the key by which two spellings are the same address."""

import re
import unicodedata
from dataclasses import dataclass
from typing import NewType

from email_validator import EmailNotValidError, validate_email

from app.foundation.errors import Unprocessable

EmailKey = NewType("EmailKey", str)
"""What makes an address unique: NFC, casefolded local part, and the domain in its IDNA (ASCII) form."""

MAX_OCTETS = 254
_QUOTED = re.compile("[(:]")
_SHOWN = 2


class EmailRefused(Unprocessable):
    """The text is not an e-mail address that we can use."""

    code, title = "invalid_email", "This is not an e-mail address"

    def __init__(self, reason: str) -> None:
        super().__init__(reason, faults=[("/email", reason)])


@dataclass(frozen=True, slots=True)
class EmailAddress:
    """An address as its owner typed it, and its key."""

    typed: str
    key: EmailKey


def parse_email(raw: str) -> EmailAddress:
    """Check an address's syntax. Nothing is looked up: an address is proved by a mail that arrives.

    Plus tags and dots are part of the address: only the mailbox's own server knows whether they matter.
    Raises EmailRefused. Spec: RFC 5321 §4.5.3.1, RFC 6531 §3.3.
    """
    try:
        size_octets = len(raw.encode())
    except UnicodeEncodeError as error:
        raise EmailRefused("The address holds characters that are not text.") from error
    # Measured before anything else reads it: IDNA work on a long text is costly.
    if size_octets > MAX_OCTETS:
        raise EmailRefused(f"The address is longer than {MAX_OCTETS} bytes.")
    try:
        parts = validate_email(raw, check_deliverability=False, test_environment=True, strict=True)
    except EmailNotValidError as error:
        # What the library puts in brackets or after a colon quotes the address, or whatever was typed in its place.
        raise EmailRefused(_QUOTED.split(str(error))[0].strip(" .") + ".") from error
    if parts.ascii_domain is None or "." not in parts.ascii_domain:
        raise EmailRefused("The part after the @-sign is not valid. It should have a period.")
    return EmailAddress(typed=raw, key=EmailKey(f"{fold(parts.local_part)}@{parts.ascii_domain.lower()}"))


def email_key(raw: str) -> EmailKey:
    """The key of an address. Raises EmailRefused."""
    return parse_email(raw).key


def find_key(raw: str) -> EmailKey | None:
    """The key of an address, or None where the text is none: for look-ups that answer both alike."""
    try:
        return email_key(raw)
    except EmailRefused:
        return None


def is_same_mailbox(one: str, other: str) -> bool:
    """Whether two addresses are the same mailbox's beyond doubt, so that a proof of one is a proof of the other.

    Keys of equal spelling are not enough: they take the ligature `ﬁ` for `fi`, `ß` for `ss` and the Kelvin sign for
    `k`, lest two accounts look alike, and a mail server may give them to different people.
    """
    if find_key(one) is None or find_key(one) != find_key(other):
        return False
    local, other_local = (each.rpartition("@")[0] for each in (one, other))
    if local.isascii() or other_local.isascii():
        return local.isascii() and other_local.isascii()
    composed, other_composed = (unicodedata.normalize("NFC", each).lower() for each in (local, other_local))
    return composed == other_composed


def fold(text: str) -> str:
    """Text with case and composition taken away. Casefolding can decompose, so composition comes last as well."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def masked(email: str) -> str:
    """An address as it is shown to whoever has typed it: `an…@example.com`. At least one character is left out."""
    local, at, domain = email.rpartition("@")
    return f"{local[: min(_SHOWN, len(local) - 1)]}…{at}{domain}" if local else "…"
