"""How long sign-ins last."""

from pydantic import BaseModel, ConfigDict, Field


class SessionSettings(BaseModel):
    """The `SESSIONS__…` settings."""

    model_config = ConfigDict(frozen=True)

    absolute_seconds: int = Field(
        default=30 * 86_400,
        ge=60,
        le=366 * 86_400,
        description="A session ends this long after sign-in, however often it is used.",
    )
    browser_idle_seconds: int = Field(
        default=3600,
        ge=60,
        le=30 * 86_400,
        description="A browser's session (the one with cookies) ends after this long without use.",
    )
    browser_absolute_seconds: int = Field(
        default=86_400,
        ge=60,
        le=366 * 86_400,
        description="A browser's session ends this long after sign-in, however often it is used.",
    )
