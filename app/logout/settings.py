"""How clients are told of sign-outs."""

from pydantic import BaseModel, ConfigDict, Field


class LogoutSettings(BaseModel):
    """The `LOGOUT__…` settings."""

    model_config = ConfigDict(frozen=True)

    retry_seconds: int = Field(
        default=21_600,
        ge=60,
        le=7 * 86_400,
        description="For how long a client that does not answer is told again of a sign-out, at growing intervals.",
    )
    forward_seconds: int = Field(
        default=3,
        ge=1,
        le=30,
        description=(
            "How long the page of a sign-out gives clients that are told in the browser (front-channel logout) "
            "before it goes on to where the client wants."
        ),
    )
