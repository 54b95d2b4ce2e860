"""What token routes read and answer."""

from typing import Literal

from pydantic import BaseModel, Field

from app.foundation.body import Body


class RefreshBody(Body):
    """A refresh token, and the audience of the access token that is wanted for it.

    A browser leaves the token out: it comes in its cookie.
    """

    refresh_token: str | None = Field(default=None, max_length=1024)
    audience: str | None = Field(default=None, max_length=512)


class TokenResponse(BaseModel):
    """Tokens. Spec: RFC 6749 §5.1. `refresh_expires_in` is in seconds, like `expires_in`."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int
    refresh_token: str
    refresh_expires_in: int
    scope: str


class CookieTokenResponse(BaseModel):
    """What is left of a token response whose tokens went into cookies."""

    expires_in: int
    refresh_expires_in: int
    scope: str
