"""Settings of API keys: the section `API_KEYS__…`."""

from pydantic import BaseModel, ConfigDict, Field


class APIKeySettings(BaseModel):
    """How many keys there may be, and how long a rotated one still counts."""

    model_config = ConfigDict(frozen=True)

    per_owner: int = Field(
        default=100, ge=1, le=10_000, description="How many API keys that count a user or a client may have."
    )
    overlap_seconds: int = Field(
        default=86_400,
        ge=0,
        le=2_592_000,
        description="How long a rotated API key counts beside the new one, where the rotation does not say.",
    )
