"""What an audience may be called, and which resource URIs, scopes and claims it may have."""

import re
from urllib.parse import urlsplit

from app.foundation.settings import is_loopback
from app.users.errors import AttributeRefused
from app.users.user import RESERVED_ATTRIBUTES, check_attribute

MAX_RESOURCE_CHARACTERS = 512

USER_CLAIMS = frozenset({"email", "email_verified", "name", "groups"})
"""Claims from the user's own columns, and the names of their groups; any other name is a key of their attributes."""

RESERVED_CLAIMS = RESERVED_ATTRIBUTES - USER_CLAIMS
"""Claims that say who a token is for, what it allows and how it was earned: never filled from an attribute."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}")
_CLIENT_ID = re.compile(r"c_[A-Za-z0-9]{22}")
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,64}")
_URI = re.compile(r"[\x21\x23-\x3b\x3d\x3f-\x5b\x5d\x5f\x61-\x7a\x7e]+")


def is_name(text: str) -> bool:
    """Whether an audience could have this name.

    The form of client ids is left out: an ID token names its client as audience and must never pass for an
    access token.
    """
    return _NAME.fullmatch(text) is not None and text != "self" and _CLIENT_ID.fullmatch(text) is None


def is_scope(text: str) -> bool:
    """Whether a text is one scope token of at most 64 characters. Spec: RFC 6749 §3.3."""
    return _SCOPE.fullmatch(text) is not None


def is_claim(text: str) -> bool:
    """Whether an audience may ask for this claim: a column of the user or what could be an attribute."""
    if text in USER_CLAIMS:
        return True
    try:
        check_attribute(text, None)
    except AttributeRefused:
        return False
    return True


def is_resource(text: str) -> bool:
    """Whether a text is an absolute https URI, or http on loopback, without fragment. Spec: RFC 8707 §2."""
    if len(text) > MAX_RESOURCE_CHARACTERS or _URI.fullmatch(text) is None or "#" in text:
        return False
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or "@" in parts.netloc:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))


def same_in_a_token(left: str, right: str) -> bool:
    """Whether a careless reader of `aud` could take one for the other: equal but for case and a final slash."""
    return left.rstrip("/").casefold() == right.rstrip("/").casefold()
