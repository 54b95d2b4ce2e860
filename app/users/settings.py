"""Settings of accounts: the section `ACCOUNTS__…`."""

from pydantic import BaseModel, ConfigDict, Field


class AccountsSettings(BaseModel):
    """Who may have an account, and what strangers may learn of it."""

    model_config = ConfigDict(frozen=True)

    hide_existence: bool | None = Field(
        default=None,
        description=(
            "Answer every sign-up alike, so that nobody learns who has an account here; an address must then be "
            "verified by mail before its first login. Left out: true in production, false in development."
        ),
    )
    require_verified_email: bool = Field(
        default=False,
        description=(
            "Ask that an address be confirmed by the link that was mailed there before its first login. Hiding "
            "existence implies it."
        ),
    )
    signup_open: bool = Field(
        default=True, description="Whether people may make accounts by themselves; else an operator makes them."
    )

    deletion_grace_seconds: int = Field(
        default=14 * 86_400,
        ge=0,
        le=366 * 86_400,
        description=(
            "How long people can take back an account that they closed, by a link in a mail; it is deleted for good "
            "after that. 0 deletes at once."
        ),
    )

    def hides_existence(self, *, production: bool) -> bool:
        """Whether existence is hidden, with the default that fits the environment."""
        return production if self.hide_existence is None else self.hide_existence
