"""What happens to trusted browsers."""

from dataclasses import dataclass
from typing import ClassVar

from app.audit.event import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class BrowserTrusted(Event):
    """A user who had just proven a second factor said that they trust this browser."""

    type: ClassVar[str] = "browser.trusted"

    browser_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedBrowserUsed(Event):
    """A sign-in went on without a second factor, because its browser is trusted."""

    type: ClassVar[str] = "browser.trust_used"

    browser_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BrowserTrustEnded(Event):
    """A user trusts a browser no longer."""

    type: ClassVar[str] = "browser.trust_ended"

    browser_id: str
