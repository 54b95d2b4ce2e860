"""What token routes read. What they answer is in `answer`, for every route that hands out tokens."""

from pydantic import Field

from app.foundation.body import Body


class RefreshBody(Body):
    """A refresh token, and the audience of the access token that is wanted for it.

    A browser leaves the token out: it comes in its cookie.
    """

    refresh_token: str | None = Field(default=None, max_length=1024)
    audience: str | None = Field(default=None, max_length=512)
