"""Settings of the sign-in's second step: the section `MFA__…`."""

from pydantic import BaseModel, ConfigDict, Field

from app.protocols.assurance import ACR


class MFASettings(BaseModel):
    """The `MFA__…` settings."""

    model_config = ConfigDict(frozen=True)

    required_acr: ACR = Field(
        default=ACR.AAL1,
        description=(
            "How well everyone must prove who they are: aal1 (one factor), aal2 (two) or phr (a passkey that verifies "
            "its user). Users, roles and audiences may ask for more; the highest demand counts."
        ),
        examples=["aal2"],
    )
    token_seconds: int = Field(default=300, ge=30, le=3600, description="How long a sign-in waits for its second step.")
    tries_per_sign_in: int = Field(default=5, ge=1, le=20, description="How many wrong second factors end a sign-in.")
    email_code: bool = Field(
        default=False,
        description=(
            "Whether a code by mail may stand in where a second factor is required and the user has none, instead of "
            "enrolling one. Never for users with an admin permission, nor where phr is required."
        ),
    )
    trusted_browser_days: int = Field(
        default=30,
        ge=0,
        le=365,
        description=(
            "How long a browser that its user trusts is not asked for a second factor that nothing requires. 0 offers "
            "it to nobody and forgets those that are trusted."
        ),
    )
    trusted_browser_is_a_factor: bool = Field(
        default=False,
        description=(
            "Whether a trusted browser counts as the second factor (acr aal2) where one is required, also by a "
            "client's acr_values. Never as phr."
        ),
    )
    totp_tries: int = Field(
        default=10,
        ge=3,
        le=100,
        description="How many one-time codes of an app may be wrong, per user and 15 minutes, before it is locked.",
    )
