"""`migrate`: the database's schema."""

import asyncio
from pathlib import Path

import typer

from app.cli.context import deployment
from app.cli.options import DataDir
from app.foundation.clock import Clock
from app.migrations.run import migrate as run_migrations

app = typer.Typer(add_completion=False)


@app.command()
def migrate(data_dir: DataDir = None) -> None:
    """Bring the database to this release's schema. Does nothing where that is done; two at once take turns.

    Example: auth-service migrate
    """
    revision = asyncio.run(_migrate(data_dir))
    print(f"The schema is at revision {revision}.")


async def _migrate(data_dir: Path | None) -> str:
    async with deployment(data_dir) as settings:
        return await run_migrations(settings.database.url.get_secret_value(), Clock().now())
