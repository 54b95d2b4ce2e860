"""`migrate`: the database's schema."""

import asyncio
from pathlib import Path

import typer

from app.cli.options import AsJson, DataDir
from app.cli.printing import print_done
from app.cli.target import deployment
from app.foundation.clock import Clock
from app.migrations.run import migrate as run_migrations

app = typer.Typer(add_completion=False)


@app.command()
def migrate(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Bring the database to this release's schema. Does nothing where that is done; two at once take turns.

    Example: auth-service migrate
    """
    revision = asyncio.run(_migrate(data_dir))
    print_done(f"The schema is at revision {revision}.", {"revision": revision}, as_json=as_json)


async def _migrate(data_dir: Path | None) -> str:
    async with deployment(data_dir) as settings:
        return await run_migrations(settings.database.url.get_secret_value(), Clock().now())
