"""One picture of every page by which people sign in: `make screenshots` draws it, for people to look at."""

import base64
import os
from pathlib import Path

import pytest
from playwright.async_api import Page

from app.wiring import Services
from tests.browser.conftest import Readers
from tests.browser.gallery import Walk

pytestmark = [pytest.mark.anyio, pytest.mark.skipif("SHEET" not in os.environ, reason="drawn by make screenshots")]

# Width, scheme, and how much of the middle is shown.
VIEWS = {"light": (1280, "light", 820), "dark": (1280, "dark", 820), "phone": (360, "light", 360)}
STYLE = (
    "body{margin:16px;background:#cfd0c9;font:13px system-ui;display:grid;gap:14px;grid-template-columns:1fr 1fr}"
    "figure{margin:0}figcaption{margin-bottom:3px}figure div{display:flex;gap:6px;height:236px;overflow:hidden;"
    "align-items:start}img{height:236px;width:auto}img:nth-child(n+3){height:auto;width:104px}"
)


async def test_draw_the_sheet(browser: Readers, site: str, services: Services):
    pictures: dict[str, list[bytes]] = {}
    folder = Path(os.environ["SCREENSHOTS"]) if "SCREENSHOTS" in os.environ else None
    reader = await browser.open(reduced_motion="reduce")

    async def seen(name: str) -> None:
        pictures[name] = [await picture(reader.page, view) for view in VIEWS]
        await picture(reader.page, "light")

    await Walk(reader.page, site, services, seen)()
    arabic = await browser.open(reduced_motion="reduce", locale="ar")

    async def seen_from_the_right(name: str) -> None:
        pictures[name].append(await picture(arabic.page, "phone"))

    # Whoever has a second factor by now is somebody else for the second walk.
    await Walk(arabic.page, site, services, seen_from_the_right)("iris")
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        for name, shots in pictures.items():
            for view, shot in zip((*VIEWS, "arabic"), shots, strict=True):
                (folder / f"{name}-{view}.jpg").write_bytes(shot)
    await write_sheet(await (await browser.open()).context.new_page(), pictures, Path(os.environ["SHEET"]))


async def picture(page: Page, view: str) -> bytes:
    """The middle of the present page in one view."""
    width, scheme, shown = VIEWS[view]
    height = 740
    await page.set_viewport_size({"width": width, "height": height})
    await page.emulate_media(color_scheme=scheme)
    await page.mouse.move(0, 0)
    clip = {"x": (width - shown) / 2, "y": 0, "width": shown, "height": height}
    return await page.screenshot(type="jpeg", quality=85, clip=clip)


async def write_sheet(page: Page, pictures: dict[str, list[bytes]], to: Path) -> None:
    figures = []
    for name, shots in pictures.items():
        images = "".join(f'<img src="data:image/jpeg;base64,{base64.b64encode(shot).decode()}">' for shot in shots)
        figures.append(f"<figure><figcaption>{name}</figcaption><div>{images}</div></figure>")
    await page.set_viewport_size({"width": 1560, "height": 400})
    await page.set_content(f"<!doctype html><style>{STYLE}</style>{''.join(figures)}")
    await page.screenshot(path=to, full_page=True)
