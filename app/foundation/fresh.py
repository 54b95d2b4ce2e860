"""Asking a signed-in person for a recent sign-in, in words that a client can act on. Spec: RFC 9470 §3."""

from datetime import timedelta

from app.foundation.clock import Clock
from app.foundation.errors import NotAuthenticated
from app.foundation.principal import Principal
from app.protocols.assurance import ACR, satisfies


class StaleAuthentication(NotAuthenticated):
    """The act needs a sign-in more recent than this session's. Spec: RFC 9470 §3."""

    code, title = "insufficient_user_authentication", "Sign in again to do this"


class FreshAuth:
    """How recent, and how strong, a sign-in must be for what cannot be undone."""

    def __init__(self, clock: Clock, *, within: timedelta) -> None:
        self._clock = clock
        self._within = within

    def require(self, caller: Principal, *, acr: ACR | None = None) -> None:
        """Refuse a caller whose sign-in is too old or too weak. Raises StaleAuthentication."""
        is_strong = acr is None or satisfies(caller.acr, acr)
        if is_strong and self._clock.now() - caller.auth_time <= self._within:
            return
        seconds = int(self._within.total_seconds())
        stronger = "" if is_strong or acr is None else f', acr_values="{acr.value}"'
        challenge = (
            'Bearer error="insufficient_user_authentication", '
            f'error_description="A more recent sign-in is needed", max_age={seconds}{stronger}'
        )
        words = f"This needs a sign-in within the last {seconds} seconds{' with a second factor' if stronger else ''}."
        raise StaleAuthentication(words, headers={"WWW-Authenticate": challenge})
