"""How gently what is past use is removed."""

from pydantic import BaseModel, ConfigDict, Field


class PurgeSettings(BaseModel):
    """The `PURGE__…` settings."""

    model_config = ConfigDict(frozen=True)

    batch_rows: int = Field(default=1000, ge=1, le=100_000, description="How many rows go in one transaction.")
    pause_milliseconds: int = Field(
        default=50,
        ge=0,
        le=60_000,
        description="The rest after each batch; never less than the batch itself took.",
    )
    minutes: int = Field(
        default=50,
        ge=1,
        le=24 * 60,
        description="A scheduled purge (each hour, in one worker) leaves what it has not done by then to the next one.",
    )
