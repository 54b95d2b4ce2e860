"""How long step-up waits."""

from pydantic import BaseModel, ConfigDict, Field


class StepUpSettings(BaseModel):
    """The `STEP_UP__…` settings."""

    model_config = ConfigDict(frozen=True)

    challenge_seconds: int = Field(
        default=300, ge=30, le=3600, description="How long the challenge before an action token can be answered."
    )
    challenge_tries: int = Field(
        default=5, ge=1, le=20, description="How often an answer may be tried; then a new challenge is needed."
    )
    action_token_seconds: int = Field(
        default=120, ge=10, le=600, description="How long an action token can be used, once."
    )
