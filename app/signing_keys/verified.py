"""Tokens whose signature held a moment ago: to check it again would cost more than all else that a look-up does."""

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.protocols.jose.signature import Verifier

MOST_KEPT = 1024
KEPT_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class VerifiedToken:
    """What a token says, and the key that signed it."""

    kid: str
    verifier: Verifier
    typ: str
    members: Mapping[str, Any]


class VerifiedTokens:
    """Keeps them for a minute or two by the SHA-256 of the whole token, `MOST_KEPT` of each minute.

    Only what was signed by us comes in, so that nobody fills it with texts of their own. That a signature held says
    nothing about whether the token still counts: its key, its time and all that it hangs from are judged each time.
    """

    def __init__(self) -> None:
        self._young: dict[bytes, VerifiedToken] = {}
        self._old: dict[bytes, VerifiedToken] = {}
        self._turns_at = 0.0

    def find(self, token: str) -> VerifiedToken | None:
        """What is kept of a token, if anything."""
        self._grow_old()
        digest = _digest(token)
        return self._young.get(digest) or self._old.get(digest)

    def keep(self, token: str, verified: VerifiedToken) -> None:
        """Keep a token whose signature was checked."""
        self._young[_digest(token)] = verified

    def _grow_old(self) -> None:
        now = time.monotonic()
        if now >= self._turns_at or len(self._young) >= MOST_KEPT:
            self._old, self._young = self._young, {}
            self._turns_at = now + KEPT_SECONDS


def _digest(token: str) -> bytes:
    # Whatever a stranger sends has a digest; what is no ASCII is never kept under it.
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()
