"""`permissions`: what there is to be allowed."""

import asyncio
from dataclasses import asdict
from typing import Annotated

import typer

from app.cli.context import opened
from app.cli.options import AsJson, DataDir
from app.cli.printing import print_columns, print_json
from app.roles.catalogue import CataloguedPermission

app = typer.Typer(no_args_is_help=True, help="What there is to be allowed, audience by audience.")


@app.callback()
def _about() -> None:
    """What there is to be allowed, audience by audience. `roles grant` and `roles withdraw` change who has it."""


@app.command("list")
def list_permissions(
    audience: Annotated[
        str | None, typer.Option(metavar="A", help="At this audience alone; self is this service.", show_default=False)
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show every permission, the roles that have it and the scopes that need it.

    Example: auth-service permissions list --audience orders-api
    """

    async def work() -> list[CataloguedPermission]:
        async with opened(data_dir) as services, services.db.transaction() as tx:
            return await services.permissions.list_all(tx, audience=audience)

    found = asyncio.run(work())
    if as_json:
        print_json([asdict(item) for item in found])
        return
    rows = [
        (item.audience, item.permission, " ".join(item.roles) or "-", " ".join(item.scopes) or "-") for item in found
    ]
    print_columns(("AUDIENCE", "PERMISSION", "ROLES", "SCOPES"), rows)
