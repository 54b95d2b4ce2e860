"""Settings of federated sign-in: the section `FEDERATION__…`."""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field


class FederationSettings(BaseModel):
    """The `FEDERATION__…` settings."""

    model_config = ConfigDict(frozen=True)

    answer_seconds: float = Field(
        default=4.75,
        ge=0.5,
        le=30,
        description=(
            "How long the page of a browser that goes to another provider, or comes back from it, may take, all told: "
            "waiting for the provider and for others who came before. Then it says what was too slow."
        ),
    )
    concurrency: int = Field(
        default=100,
        ge=1,
        le=10_000,
        description=(
            "How many browsers that come back from the same provider are under way in one web process at a time. "
            "Others wait a moment, and are asked to try again after that."
        ),
    )
    failures: int = Field(
        default=5,
        ge=1,
        le=1000,
        description="After how many answers in a row that did not come a provider is not asked for a while.",
    )
    pause_seconds: float = Field(
        default=30, ge=1, le=3600, description="How long a provider that does not answer is left alone."
    )
    code_seconds: int = Field(
        default=60, ge=5, le=600, description="How long the code counts that an app exchanges for tokens."
    )

    @property
    def code_lifetime(self) -> timedelta:
        """How long a code counts."""
        return timedelta(seconds=self.code_seconds)
