"""Client credentials in an Authorization header. Spec: RFC 6749 §2.3.1, RFC 7617 §2."""

import base64
import binascii
import re
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

MAX_HEADER_CHARACTERS = 4096
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


class MalformedCredentials(ValueError):
    """The header is no pair of form-encoded texts. The message is for the log and quotes nothing."""


class BasicCredentials(NamedTuple):
    """What a client sent to prove itself, decoded. Nothing of it is checked yet."""

    client_id: str
    raw_secret: str


def parse_basic(header: str) -> BasicCredentials | None:
    """The credentials of a Basic header, or None where it is of another scheme. Raises MalformedCredentials.

    Id and secret are form-encoded before they are joined by a colon, so that each may hold one itself; whoever
    leaves that out is understood as long as the text needs no encoding.
    """
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    if len(header) > MAX_HEADER_CHARACTERS:
        raise MalformedCredentials("longer than any credentials")
    try:
        joined = base64.b64decode(encoded.strip(" "), validate=True).decode("utf-8")
    except (binascii.Error, ValueError) as error:
        raise MalformedCredentials("not base64 of UTF-8") from error
    client_id, colon, secret = joined.partition(":")
    if not colon:
        raise MalformedCredentials("no colon between id and secret")
    return BasicCredentials(_form_decoded(client_id), _form_decoded(secret))


def _form_decoded(text: str) -> str:
    """Spec: RFC 6749 Appendix B."""
    # What we give out needs no decoding, which costs more than the rest of the header.
    if "%" not in text and "+" not in text:
        return text
    if _BROKEN_ESCAPE.search(text):
        raise MalformedCredentials("a percent sign that escapes nothing")
    try:
        return unquote_to_bytes(text.replace("+", " ")).decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedCredentials("not UTF-8 once decoded") from error
