"""`prepare`: the step that `dev` runs in a process of its own when an instance is new or behind."""

import asyncio
import dataclasses
from typing import Annotated

import typer

from app.cli.context import open_services
from app.cli.data_folder import DataFolder, Notes
from app.cli.demo import write_clients, write_demo
from app.cli.options import DataDir
from app.cli.target import read_settings
from app.foundation.clock import Clock
from app.foundation.engines.errors import EngineError
from app.migrations.run import migrate
from app.settings import Settings

app = typer.Typer(add_completion=False)


@app.command(hidden=True)
def prepare(
    data_dir: DataDir = None, demo: Annotated[bool, typer.Option("--demo", help="Write the demo data too.")] = False
) -> None:
    """Migrate the development instance that the environment describes, and write its demo data.

    Example: auth-service prepare --data-dir .data --demo
    """
    settings = read_settings()
    if settings.is_production:
        raise EngineError("prepare works on development instances alone; for others there is `migrate`.")
    folder = DataFolder(data_dir)
    notes = folder.read()
    if notes is None:
        raise EngineError("This folder holds no development instance; `auth-service dev` makes one.")
    asyncio.run(_prepare(settings, folder, notes, demo=demo))


async def _prepare(settings: Settings, folder: DataFolder, notes: Notes, *, demo: bool) -> None:
    await migrate(settings.database.url.get_secret_value(), Clock().now())
    if demo:
        async with open_services(settings) as services:
            await write_demo(services, admin_password=notes.admin_password)
            folder.write(dataclasses.replace(notes, clients=await write_clients(services, notes.clients)))
