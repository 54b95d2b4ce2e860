"""`export-config` and `apply-config`: what is set up, as one document."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from app.admin.configuration.difference import Change
from app.admin.configuration.document import schema
from app.admin.configuration.kind import Acting as Applying
from app.admin.configuration.reading import MAX_BYTES, read_document
from app.admin.configuration.service import Export
from app.admin.configuration.writing import as_yaml
from app.cli.context import opened
from app.cli.operator import Acting
from app.cli.options import AsJson, DataDir
from app.cli.printing import print_json
from app.cli.terminal import Style, complain, styled

_STYLES = {"+": Style.GOOD, "~": Style.CAUTION, "-": Style.BAD}

WOULD_CHANGE = 2
"""The exit status of a dry run that found something to change."""


def export_config(
    show_schema: Annotated[bool, typer.Option("--schema", help="Print the document's JSON schema instead.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Print what is set up, from audiences to identity providers. No secret and no person is in it.

    Example: auth-service export-config > auth.yaml
    """
    if show_schema:
        print_json(schema())
        return

    async def work() -> Export:
        async with opened(data_dir) as services:
            return await services.configuration.export()

    found = asyncio.run(work())
    for name in found.left_out:
        complain("warning", f"left out: more than one {name}")
    if as_json:
        print_json(found.document.model_dump(mode="json", exclude_defaults=True) | {"version": 1})
    else:
        print(as_yaml(found.document), end="")


def apply_config(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="YAML or JSON; - for standard input.", show_default=False)
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change and change nothing; exit 2 if anything would.")
    ] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove what earlier files have made and this one does not name.")
    ] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Bring about what a document says, all of it or nothing. To do it again changes nothing.

    Exit status: 0 when done, or when a dry run finds nothing to change; 2 when a dry run finds something; 1 when it
    is refused, and then nothing has changed.

    Example: auth-service apply-config auth.yaml --dry-run
    """
    document = read_document(_content(file))

    async def work() -> list[Change]:
        acting = Acting()
        applying = Applying(actor=acting.actor, origin=acting.origin)
        async with opened(data_dir) as services:
            return await services.configuration.apply(document, dry_run=dry_run, prune=prune, acting=applying)

    changes = asyncio.run(work())
    changed = [change for change in changes if change.changes_something]
    if as_json:
        print_json({"changed": bool(changed), "dry_run": dry_run, "changes": [change.as_json() for change in changes]})
    else:
        _print(changes, changed, dry_run=dry_run)
    if dry_run and changed:
        raise typer.Exit(WOULD_CHANGE)


def _content(file: Path) -> bytes:
    try:
        if str(file) == "-":
            return sys.stdin.buffer.read(MAX_BYTES + 1)
        with file.open("rb") as opened_file:
            return opened_file.read(MAX_BYTES + 1)
    except OSError as error:
        raise typer.BadParameter(f"{file}: {error.strerror}") from None


def _print(changes: list[Change], changed: list[Change], *, dry_run: bool) -> None:
    for change in changes:
        for line in change.lines():
            print(styled(line, _STYLES.get(line[0]), sys.stdout))
    if not changed:
        print("Nothing to change.")
    elif dry_run:
        print(f"{len(changed)} would change; nothing was changed.")
    else:
        print(f"{len(changed)} changed.")
