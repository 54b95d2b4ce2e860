"""`worker`: the process beside the web processes."""

import asyncio
from pathlib import Path

import typer

from app.cli.options import DataDir
from app.cli.target import deployment
from app.foundation.logs import configure_logs
from app.foundation.open_files import raise_limit
from app.worker import work

app = typer.Typer(add_completion=False)


@app.command()
def worker(data_dir: DataDir = None) -> None:
    """Deliver mail, fan events out and keep the schedules; any number may run. On SIGTERM jobs in hand are finished.

    Example: auth-service worker
    """
    raise_limit()
    asyncio.run(_work(data_dir))


async def _work(data_dir: Path | None) -> None:
    async with deployment(data_dir) as settings:
        configure_logs(development=not settings.is_production)
        await work(settings)
