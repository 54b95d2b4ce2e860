"""Refusals of grants and refresh tokens."""

from app.foundation.errors import BadRequest, NotAuthenticated


class InvalidScope(BadRequest):
    """A scope is malformed or the audience has none of that name. Spec: RFC 6749 §5.2."""

    code, title = "invalid_scope", "There is no such scope"


class InvalidRefreshToken(NotAuthenticated):
    """The refresh token is unknown, expired, or its session is over: one answer for every reason."""

    code, title = "invalid_refresh_token", "Sign in again"


class RefreshTokenReused(NotAuthenticated):
    """A spent refresh token came back: it may be stolen, and its session was ended. Spec: RFC 9700 §4.14.2."""

    code, title = "refresh_token_reused", "Sign in again"


class InsufficientAuthentication(NotAuthenticated):
    """The audience asks for a better proof than the sign-in gave. Spec: RFC 9470 §3."""

    code, title = "insufficient_user_authentication", "Sign in again to do this"
    required: str | None = None

    @classmethod
    def of(cls, required: str) -> "InsufficientAuthentication":
        """The refusal that asks for this `acr`, which is its `required`."""
        challenge = (
            'Bearer error="insufficient_user_authentication", '
            f'error_description="This audience needs a better sign-in", acr_values="{required}"'
        )
        refusal = cls("Sign in for this audience: it asks for more.", headers={"WWW-Authenticate": challenge})
        refusal.required = required
        return refusal


class SessionOver(NotAuthenticated):
    """The session that a client was to be let in by counts no more."""

    code, title = "session_over", "Sign in again"
