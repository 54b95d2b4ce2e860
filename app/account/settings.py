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
    exports_per_hour: int = Field(
        default=5, ge=1, le=1000, description="How often a person may take an export of all we hold on them."
    )
