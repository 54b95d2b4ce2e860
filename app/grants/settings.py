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
