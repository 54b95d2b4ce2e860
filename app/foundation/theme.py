"""What a deployment makes of the pages: its colour, logo, font and corners, as one style sheet after ours."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from app.foundation.colours import DARK, LIGHT, Brand, brand_in
from app.foundation.page_settings import PagesSettings
from app.foundation.pictures import POLICY, Picture, parse_picture
from app.foundation.provide import provided
from app.foundation.routing import Router

STYLE_PATH, LOGO_PATH, DARK_LOGO_PATH = "/theme.css", "/theme/logo", "/theme/logo-dark"
_FOR_EVER = "public, max-age=31536000, immutable"
_BRIEFLY = "public, max-age=60"


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """The theme of one deployment. `notes` say where a wish was not followed, and why."""

    style: str
    version: str
    logo: Picture | None
    dark_logo: Picture | None
    notes: tuple[str, ...]

    @property
    def style_path(self) -> str | None:
        """Where the style sheet is; None where there is nothing to say."""
        return f"{STYLE_PATH}?v={self.version}" if self.style else None

    def logo_path(self, *, dark: bool = False) -> str | None:
        """Where the logo for a scheme is; None without one."""
        if dark:
            return f"{DARK_LOGO_PATH}?v={self.version}" if self.dark_logo else None
        return f"{LOGO_PATH}?v={self.version}" if self.logo else None

    @classmethod
    def of(cls, settings: PagesSettings) -> "Theme":
        """The theme that the settings ask for."""
        rules: list[str] = []
        notes: list[str] = []
        if settings.brand_color is not None:
            light = brand_in(LIGHT, settings.brand_color)
            dark = brand_in(DARK, settings.brand_color_dark or settings.brand_color)
            rules += _rules_of(light, dark)
            notes += _notes_of(settings, light, dark)
        if settings.font:
            rules.append(f"--font: {', '.join(_family(name) for name in settings.font)}, system-ui, sans-serif;")
        if settings.radius_rem is not None:
            rules.append(f"--radius: {settings.radius_rem:g}rem;")
        if settings.logo_rem is not None:
            rules.append(f"--logo: {settings.logo_rem:g}rem;")
        said = "".join(f"/* {note} */\n" for note in notes)
        style = f"{said}:root {{ {' '.join(rules)} }}\n{_before_2024(settings)}" if rules else ""
        logo, dark_logo = _picture(settings.logo), _picture(settings.logo_dark)
        pictures = [picture.content for picture in (logo, dark_logo) if picture is not None]
        version = hashlib.sha256(b"\0".join((style.encode(), *pictures))).hexdigest()[:16]
        return cls(style=style, version=version, logo=logo, dark_logo=dark_logo, notes=tuple(notes))


router = Router(tags=["pages"])


@router.get(STYLE_PATH, include_in_schema=False)
async def style(request: Request) -> Response:
    """The deployment's style sheet."""
    theme = provided(request.app, Theme)
    return Response(theme.style, media_type="text/css", headers=_kept(request, theme))


@router.get(LOGO_PATH, include_in_schema=False)
async def logo(request: Request) -> Response:
    """The deployment's logo."""
    theme = provided(request.app, Theme)
    return _shown(request, theme, theme.logo)


@router.get(DARK_LOGO_PATH, include_in_schema=False)
async def dark_logo(request: Request) -> Response:
    """The deployment's logo on dark ground."""
    theme = provided(request.app, Theme)
    return _shown(request, theme, theme.dark_logo)


def _shown(request: Request, theme: Theme, picture: Picture | None) -> Response:
    if picture is None:
        return Response(status_code=404)
    headers = {**_kept(request, theme), "Content-Security-Policy": POLICY}
    return Response(picture.content, media_type=picture.media_type, headers=headers)


def _kept(request: Request, theme: Theme) -> dict[str, str]:
    is_this = request.query_params.get("v") == theme.version
    return {"Cache-Control": _FOR_EVER if is_this else _BRIEFLY}


def _rules_of(light: Brand, dark: Brand) -> list[str]:
    return [
        f"--brand: light-dark({light.colour}, {dark.colour});",
        f"--on-brand: light-dark({light.on}, {dark.on});",
        f"--brand-soft: light-dark({light.soft}, {dark.soft});",
    ]


def _before_2024(settings: PagesSettings) -> str:
    """The same for browsers without light-dark(), which get the light scheme."""
    if settings.brand_color is None:
        return ""
    light = brand_in(LIGHT, settings.brand_color)
    rules = f"--brand: {light.colour}; --on-brand: {light.on}; --brand-soft: {light.soft};"
    return f"@supports not (color: light-dark(red, red)) {{ :root {{ {rules} }} }}\n"


def _notes_of(settings: PagesSettings, light: Brand, dark: Brand) -> list[str]:
    wishes = (
        ("light", settings.brand_color, light.colour),
        ("dark", settings.brand_color_dark or settings.brand_color, dark.colour),
    )
    return [
        f"{wish} is shown as {shown} in the {scheme} scheme: text in it needs a contrast of 4.5 on every surface."
        for scheme, wish, shown in wishes
        if wish != shown
    ]


def _family(name: str) -> str:
    return f'"{name}"'


def _picture(path: Path | None) -> Picture | None:
    return None if path is None else parse_picture(path.read_bytes())
