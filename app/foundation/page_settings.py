"""The settings of what people read: pages and their words."""

import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from app.foundation.colours import parse_colour
from app.foundation.pictures import parse_picture
from app.foundation.settings import web_address

_FAMILY = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _-]{0,63}")


def _readable_logo(path: Path) -> Path:
    try:
        parse_picture(path.read_bytes())
    except OSError:
        raise ValueError("the file cannot be read") from None
    return path


def _folder(path: Path) -> Path:
    if not path.is_dir():
        raise ValueError("there is no such folder")
    return path


def _family(name: str) -> str:
    if _FAMILY.fullmatch(name.strip()) is None:
        raise ValueError("a font family is named by letters, digits, spaces and hyphens")
    return name.strip()


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
    terms_url: Annotated[str, AfterValidator(web_address)] | None = Field(
        default=None,
        description="Where the terms stand that people agree to when they sign up; left out, there are none.",
        examples=["https://example.com/terms"],
    )
    brand_color: Annotated[str, AfterValidator(parse_colour)] | None = Field(
        default=None,
        description=(
            "Your colour, for what acts or is selected. Where text in it could not be read, a darker or lighter shade "
            "is shown, and `/theme.css` says so."
        ),
        examples=["#7a1fa2"],
    )
    brand_color_dark: Annotated[str, AfterValidator(parse_colour)] | None = Field(
        default=None,
        description="Your colour on dark ground; left out, a lighter shade of the other.",
        examples=["#d9a6ec"],
    )
    logo: Annotated[Path, AfterValidator(_readable_logo)] | None = Field(
        default=None,
        description="The file of your logo: PNG, JPEG, WebP, or an SVG that only draws, of 64 kB at most.",
        examples=["/etc/auth-service/logo.svg"],
    )
    logo_dark: Annotated[Path, AfterValidator(_readable_logo)] | None = Field(
        default=None,
        description="Its file for dark ground; left out, the same.",
        examples=["/etc/auth-service/dark.svg"],
    )
    logo_rem: float | None = Field(
        default=None, ge=1.25, le=3, description="How high the logo is, in rem.", examples=["2"]
    )
    font: tuple[Annotated[str, AfterValidator(_family)], ...] = Field(
        default=(),
        description="Font families that readers may have, comma-separated, before the system's own. Nothing is loaded.",
        examples=["Inter,Helvetica Neue"],
    )
    radius_rem: float | None = Field(default=None, ge=0, le=1, description="How round corners are.", examples=["0.25"])
    templates: Annotated[Path, AfterValidator(_folder)] | None = Field(
        default=None,
        description="A folder whose templates take the place of those of the same name; `ours/` names the originals.",
        examples=["/etc/auth-service/templates"],
    )
    texts: Annotated[Path, AfterValidator(_folder)] | None = Field(
        default=None,
        description="A folder of `<language>.po` files whose words take the place of ours.",
        examples=["/etc/auth-service/texts"],
    )
    remembered_accounts: int = Field(
        default=5,
        ge=0,
        le=10,
        description=(
            "How many accounts a browser that signed in to them offers again, until its user removes them there; 0 "
            "remembers none."
        ),
    )
    sign_in_seconds: int = Field(
        default=3600,
        ge=300,
        le=86_400,
        description="How long a sign-in at the pages may take from its beginning to its end.",
    )
