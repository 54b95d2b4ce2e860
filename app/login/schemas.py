"""What sign-in reads."""

from pydantic import Field

from app.foundation.body import Body


class LoginRequest(Body):
    """An address, a password, and what the tokens shall be for."""

    email: str = Field(max_length=1024)
    password: str = Field(max_length=1024)
    audience: str | None = Field(default=None, max_length=512)
    scope: str | None = Field(default=None, max_length=8192)
