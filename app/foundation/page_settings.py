"""The settings of what people read: pages and their words."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from app.foundation.settings import web_address


class PagesSettings(BaseModel):
    """The `PAGES__…` settings."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(
        default="Authentication service",
        min_length=1,
        max_length=60,
        description="What pages call the deployment: your company or product.",
        examples=["Example Store"],
    )
    help_url: Annotated[str, AfterValidator(web_address)] | None = Field(
        default=None,
        description="Where the pages' link Help leads; left out, there is none.",
        examples=["https://example.com/help"],
    )
    privacy_url: Annotated[str, AfterValidator(web_address)] | None = Field(
        default=None,
        description="Where the pages' link Privacy leads; left out, there is none.",
        examples=["https://example.com/privacy"],
    )
    sign_in_seconds: int = Field(
        default=3600,
        ge=300,
        le=86_400,
        description="How long a sign-in at the pages may take from its beginning to its end.",
    )
