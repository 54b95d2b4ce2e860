"""What may be asked at step-up, and by what it may be proven: pure rules."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.factors.factor import FactorName

ACTION_TYPE = "action+jwt"
MAX_ACTION_CHARACTERS = 64
ACTION_PATTERN = r"^[a-z][a-z0-9_-]*(\.[a-z0-9_-]+)*$"
"""What an action may be called, such as `orders.refund`. Audiences need not declare theirs: see decision 0016."""
REQUEST_HASH_PATTERN = r"^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$"
"""SHA-256 in canonical base64url: the last character carries four bits, of the two others none is set."""

_SECOND = (FactorName.PASSKEY, FactorName.TOTP)


def usable_again(enrolled: Sequence[FactorName]) -> tuple[FactorName, ...]:
    """By what a session may be renewed, the strongest first; recovery codes are for getting back in alone."""
    return tuple(name for name in (*_SECOND, FactorName.PASSWORD) if name in enrolled)


def usable_for_actions(enrolled: Sequence[FactorName], wanted: FactorName | None = None) -> tuple[FactorName, ...]:
    """By what an action may be confirmed, the strongest first; by `wanted` alone where the user asks for it.

    Whoever has a second factor proves it: neither a password that was stolen together with a session nor the mailbox
    that is open beside it confirms anything. A code is mailed to those who ask for one, and to those who have nothing
    else.
    """
    first = (FactorName.PASSWORD, FactorName.EMAIL_CODE)
    second = tuple(name for name in _SECOND if name in enrolled)
    usable = second or tuple(name for name in first if name in enrolled)
    if wanted is not None:
        return tuple(name for name in usable if name is wanted)
    return second or usable[:1]


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionClaims:
    """What an action token says."""

    issuer: str
    audience: str
    sub: str
    sid: str
    action: str
    jti: str
    request_hash: str | None

    def members(self, *, now: datetime, lifetime_seconds: int) -> dict[str, object]:
        """The claims of the token."""
        issued_at = int(now.timestamp())
        claims: dict[str, object] = {
            "iss": self.issuer,
            "sub": self.sub,
            "aud": self.audience,
            "sid": self.sid,
            "action": self.action,
            "jti": self.jti,
            "iat": issued_at,
            "exp": issued_at + lifetime_seconds,
        }
        return claims if self.request_hash is None else claims | {"request_hash": self.request_hash}
