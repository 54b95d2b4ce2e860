"""`purge`: remove what is past use."""

import asyncio
import sys
from typing import Annotated

import typer

from app.cli.context import opened
from app.cli.operator import explained
from app.cli.options import AsJson, DataDir
from app.cli.printing import print_columns, print_json
from app.cli.progress import progress
from app.cli.terminal import is_watched
from app.foundation.purge import PurgeReport
from app.wiring import Services

app = typer.Typer()


@app.command("purge")
def purge(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Remove what is past use: expired sessions, tokens, codes, links, challenges, events and mails handed over.

    Gently, in small batches; a worker does it each hour by itself. One purge runs at a time.

    Example: auth-service purge --dry-run
    """

    async def work() -> PurgeReport:
        async with opened(data_dir) as services:
            return await (services.purge.count() if dry_run else _purge(services))

    with explained():
        report = asyncio.run(work())
    if as_json:
        print_json(_as_json(report, dry_run=dry_run))
    else:
        _print(report, dry_run=dry_run)


async def _purge(services: Services) -> PurgeReport:
    if not is_watched(sys.stderr):
        return await services.purge.run()
    # Counted for the bar alone.
    expected = await services.purge.count()
    with progress("purging", total=expected.rows) as bar:

        def move(table: str, removed: int) -> None:
            bar.at(table)
            bar.advance(removed)

        return await services.purge.run(on_progress=move)


def _as_json(report: PurgeReport, *, dry_run: bool) -> dict[str, object]:
    return {
        "dry_run": dry_run,
        "removed": report.removed,
        "dropped": report.dropped,
        "postponed": report.postponed,
    }


def _print(report: PurgeReport, *, dry_run: bool) -> None:
    rows = [(table, str(count)) for table, count in report.removed.items() if count]
    rows += [(partition, "whole") for partition in report.dropped]
    rows += [(partition, "in use, later") for partition in report.postponed]
    if not rows:
        print("nothing is past use")
    print_columns(("TABLE", "WOULD GO" if dry_run else "REMOVED"), rows)
