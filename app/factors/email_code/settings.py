"""Settings of mailed codes: the section `EMAIL_CODES__…`."""

from pydantic import BaseModel, ConfigDict, Field


class EmailCodeSettings(BaseModel):
    """The `EMAIL_CODES__…` settings."""

    model_config = ConfigDict(frozen=True)

    lifetime_seconds: int = Field(
        default=600,
        ge=60,
        le=600,
        description="How long a mailed code is good. NIST SP 800-63B-4 §3.1.3.2 allows ten minutes at most.",
    )
    tries: int = Field(default=5, ge=1, le=10, description="How many tries a mailed code has; then it is worthless.")
