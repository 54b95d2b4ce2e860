"""Proof Key for Code Exchange: the method S256 alone. Spec: RFC 7636."""

import hashlib
import re

from app.protocols.jose import base64url

_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")


def is_challenge(text: str) -> bool:
    """Whether a text could be a challenge by S256: the unpadded base64url of 32 bytes. Spec: RFC 7636 §4.2."""
    if _CHALLENGE.fullmatch(text) is None:
        return False
    try:
        base64url.decode(text.encode())
    except base64url.NotCanonical:
        return False
    return True


def challenge_of(verifier: str) -> str | None:
    """The challenge that a verifier answers; None for what is no verifier. Spec: RFC 7636 §4.1, §4.6."""
    if _VERIFIER.fullmatch(verifier) is None:
        return None
    return base64url.encode(hashlib.sha256(verifier.encode()).digest()).decode()
