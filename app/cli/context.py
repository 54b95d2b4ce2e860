"""Where a command works: the services of the deployment that it was pointed at, opened."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from app.cli.target import deployment
from app.settings import Settings
from app.wiring import Services, build


@contextlib.asynccontextmanager
async def opened(data_dir: Path | None) -> AsyncIterator[Services]:
    """The services of the deployment to work on, open for the length of the block. Raises as `deployment` does."""
    async with deployment(data_dir) as settings, open_services(settings) as services:
        yield services


@contextlib.asynccontextmanager
async def open_services(settings: Settings) -> AsyncIterator[Services]:
    """The services that these settings describe, open for the length of the block."""
    services = build(settings)
    try:
        await services.open()
        yield services
    finally:
        await services.close()
