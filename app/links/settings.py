"""Settings of links: the section `LINKS__…`."""

from pydantic import BaseModel, ConfigDict, Field


class LinkSettings(BaseModel):
    """How long the links in mails are good."""

    model_config = ConfigDict(frozen=True)

    verification_seconds: int = Field(
        default=86_400, ge=60, le=604_800, description="How long a link that confirms an address is good."
    )
    reset_seconds: int = Field(
        default=900, ge=60, le=86_400, description="How long a link that sets a new password is good."
    )
    invitation_seconds: int = Field(
        default=604_800,
        ge=3_600,
        le=2_592_000,
        description="How long the link is good by which somebody for whom an account was made sets their password.",
    )
    wasnt_me_seconds: int = Field(
        default=604_800, ge=3_600, le=2_592_000, description='How long "this was not me" in a mail is good.'
    )
