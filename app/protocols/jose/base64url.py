"""Unpadded base64url, in its one canonical spelling. Spec: RFC 7515 §2."""

import base64
import binascii

_URL_SAFE = bytes.maketrans(b"+/", b"-_")


class NotCanonical(ValueError):
    """The text is not base64url, is padded, or has another spelling of the same bytes."""


def encode(value: bytes) -> bytes:
    """Unpadded base64url, as ASCII bytes."""
    return binascii.b2a_base64(value, newline=False).translate(_URL_SAFE).rstrip(b"=")


def decode(text: bytes) -> bytes:
    """The bytes behind canonical base64url. Raises NotCanonical.

    Decoders pass over foreign characters and unused bits, so that many texts mean the same bytes; encoding what
    was decoded and comparing leaves one.
    """
    try:
        value = base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))
    except binascii.Error as error:
        raise NotCanonical("not base64url") from error
    if encode(value) != text:
        raise NotCanonical("not canonical base64url")
    return value
