"""`create-client`: a program that proves itself by a secret."""

import asyncio
from typing import Annotated

import typer

from app.cli.context import opened
from app.cli.operator import Acting, explained
from app.cli.options import AsJson, DataDir
from app.cli.printing import print_json
from app.clients.rules import ClientDefinition
from app.clients.service import NewCredentials

app = typer.Typer(add_completion=False)


@app.command()
def create_client(
    name: Annotated[str, typer.Option("--name", metavar="N", help="What people call it.")],
    audience: Annotated[
        str | None,
        typer.Option("--audience", metavar="A", help="The downstream service that it stands for.", show_default=False),
    ] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option("--scope", metavar="S", help="introspection or revocations:read; repeat for both."),
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Register a client and print its id and its secret, which is shown this once.

    With an audience and the scopes introspection and revocations:read it holds a downstream service's credentials:
    what that service sets as AUTH_CLIENT_ID and AUTH_CLIENT_SECRET. Redirect URIs and grant types will be given
    here once there are endpoints that honour them.

    Example: auth-service create-client --name orders --audience orders-api
    --scope introspection --scope revocations:read --json
    """

    async def work() -> NewCredentials:
        acting = Acting()
        definition = ClientDefinition(name=name, audience=audience, scopes=tuple(scope or ()))
        async with opened(data_dir) as services, services.db.transaction() as tx:
            return await services.clients.create(tx, definition, actor=acting.actor, origin=acting.origin)

    with explained():
        print_credentials(asyncio.run(work()), as_json=as_json)


def print_credentials(made: NewCredentials, *, as_json: bool) -> None:
    """Print a client's id with the secret that is shown this once."""
    if as_json:
        print_json({"client_id": made.client_id, "client_secret": made.raw_secret})
    else:
        print(f"client_id      {made.client_id}\nclient_secret  {made.raw_secret}")
        print("The secret is not stored and will not be shown again.")
