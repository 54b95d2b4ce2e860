"""What the account asks of its owner."""

from pydantic import BaseModel, ConfigDict, Field


class AccountSettings(BaseModel):
    """The `ACCOUNT__…` settings."""

    model_config = ConfigDict(frozen=True)

    fresh_auth_seconds: int = Field(
        default=600,
        ge=30,
        le=86_400,
        description="Deleting an account, and every other act that cannot be undone, needs a sign-in this recent.",
    )
