"""How webhooks are sent."""

from pydantic import BaseModel, ConfigDict, Field


class WebhookSettings(BaseModel):
    """The `WEBHOOKS__…` settings."""

    model_config = ConfigDict(frozen=True)

    timeout_seconds: float = Field(
        default=10, gt=0, le=30, description="A receiver must have answered whole after this long."
    )
    retry_seconds: int = Field(
        default=86_400,
        ge=60,
        le=7 * 86_400,
        description="For how long a delivery is tried again, at growing intervals; then it is kept aside for a replay.",
    )
    pause_after_seconds: int = Field(
        default=86_400,
        ge=60,
        le=30 * 86_400,
        description="An endpoint at which every attempt fails for this long is paused, and administrators are told.",
    )
    concurrency: int = Field(
        default=8,
        ge=1,
        le=100,
        description="How many deliveries are sent to one endpoint at once, over all workers.",
    )
    log_days: int = Field(
        default=30,
        ge=1,
        le=365,
        description="How long deliveries that ended stay, with their attempts, for replays.",
    )
    max_endpoints: int = Field(default=1000, ge=1, le=10_000, description="How many endpoints there may be.")
