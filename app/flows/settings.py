"""Settings of flows: the section `FLOWS__…`."""

from pydantic import BaseModel, ConfigDict, Field


class FlowSettings(BaseModel):
    """How long what a browser is led through stays open, and how long its explanation is kept."""

    model_config = ConfigDict(frozen=True)

    pending_seconds: int = Field(
        default=1_800,
        ge=60,
        le=86_400,
        description="How long somebody may take to sign in and to agree before the client has to ask again.",
    )
    kept_seconds: int = Field(
        default=86_400,
        ge=3_600,
        le=2_592_000,
        description="How long what was checked is kept after that, for `GET /admin/flows/{id}`.",
    )
