"""How long tokens last."""

from pydantic import BaseModel, ConfigDict, Field


class TokenSettings(BaseModel):
    """The part of the `JWT__…` settings that speaks of lifetimes."""

    model_config = ConfigDict(frozen=True)

    access_token_seconds: int = Field(
        default=600, ge=5, le=3600, description="Life of an access token, where its audience sets no other."
    )
    refresh_token_seconds: int = Field(
        default=14 * 86_400,
        ge=60,
        le=366 * 86_400,
        description="A refresh token, and with it an unused session, ends after this long without use.",
    )
    refresh_grace_seconds: int = Field(
        default=10,
        ge=0,
        le=60,
        description="Within this long of its rotation a spent refresh token gets the very same successor again.",
    )


class PasswordGrantSettings(BaseModel):
    """The `PASSWORD_GRANT__…` settings."""

    model_config = ConfigDict(frozen=True)

    enabled: bool | None = Field(
        default=None,
        description=(
            "Serve the OAuth2 password form at /token, which Swagger UI's Authorize button and FastAPI's "
            "OAuth2PasswordBearer use. Left out: in development alone. RFC 9700 advises against it in production."
        ),
        examples=["true"],
    )

    def is_served(self, *, production: bool) -> bool:
        """Whether the form is there, with the default that fits the environment."""
        return not production if self.enabled is None else self.enabled


class OAuthSettings(BaseModel):
    """The `OAUTH__…` settings."""

    model_config = ConfigDict(frozen=True)

    code_seconds: int = Field(
        default=60, ge=5, le=600, description="How long an authorization code waits for its client. OAuth 2.1: 60."
    )
