"""`api-keys`: long-lived keys of machines."""

import asyncio
from datetime import timedelta
from typing import Annotated

import typer

from app.apikeys.key import APIKey, NewAPIKey
from app.apikeys.rules import KeyDefinition
from app.audiences.service import Audiences
from app.cli.context import opened
from app.cli.operator import Acting, explained
from app.cli.options import AsJson, DataDir
from app.cli.printing import print_columns, print_json
from app.foundation.clock import rfc3339

app = typer.Typer(no_args_is_help=True, help="API keys: listed, made for clients, rotated, revoked.")

_PAGE = 200
_MOST = 10_000

KeyID = Annotated[str, typer.Argument(metavar="KEY_ID", help="As `list` prints it, without ask_.", show_default=False)]


@app.command("list")
def list_keys(
    owner: Annotated[
        str | None, typer.Option("--owner", metavar="SUB|CLIENT_ID", help="Of this owner alone.", show_default=False)
    ] = None,
    audience: Annotated[
        str | None, typer.Option("--audience", metavar="A", help="For this audience alone.", show_default=False)
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show API keys, newest first, without their secrets.

    Example: auth-service api-keys list --audience orders-api --json
    """

    async def work() -> tuple[list[APIKey], Audiences]:
        found: list[APIKey] = []
        async with opened(data_dir) as services:
            registrar = services.api_keys.registrar
            while page := await registrar.list(
                owner=owner, audience=audience, before=found[-1].row_id if found else None, limit=_PAGE
            ):
                found.extend(page)
                if len(found) >= _MOST:
                    break
            return found, services.audiences

    found, audiences = asyncio.run(work())
    if as_json:
        print_json([_as_json(key, audiences) for key in found])
    else:
        print_columns(
            ("KEY", "NAME", "OWNER", "AUDIENCE", "SCOPES", "LAST USED", "STATE"),
            [
                (
                    key.id,
                    key.name,
                    key.owner,
                    key.audience,
                    " ".join(key.scopes) or "-",
                    rfc3339(key.last_used_at) if key.last_used_at else "-",
                    key.state.value,
                )
                for key in found
            ],
        )


@app.command("create")
def create(
    *,
    client: Annotated[str, typer.Option("--client", metavar="CLIENT_ID", help="The client that owns it.")],
    name: Annotated[str, typer.Option("--name", metavar="N", help="What people call it.")],
    scope: Annotated[
        list[str] | None, typer.Option("--scope", metavar="S", help="What it may be used for; repeat for more.")
    ] = None,
    audience: Annotated[
        str | None,
        typer.Option("--audience", metavar="A", help="Where. Without it: this service itself.", show_default=False),
    ] = None,
    network: Annotated[
        list[str] | None, typer.Option("--network", metavar="CIDR", help="From where alone; repeat for more.")
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Make an API key of a client and print it, which is shown this once. People make their own.

    Example: auth-service api-keys create --client c_0123456789abcdefABCDEF --name export --audience orders-api
    --scope orders:read
    """

    async def work() -> tuple[NewAPIKey, Audiences]:
        acting = Acting()
        definition = KeyDefinition(name=name, scopes=tuple(scope or ()), networks=tuple(network or ()))
        async with opened(data_dir) as services:
            made = await services.api_keys.registrar.create_for_client(
                client, definition, audience, actor=acting.actor, origin=acting.origin
            )
            return made, services.audiences

    with explained():
        _print_made(*asyncio.run(work()), as_json=as_json)


@app.command("rotate")
def rotate(
    key_id: KeyID,
    overlap_seconds: Annotated[
        int | None,
        typer.Option("--overlap-seconds", metavar="N", min=0, max=2_592_000, help="How long the old one counts."),
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Make the successor of a client's API key and print it; both count until the overlap ends.

    Example: auth-service api-keys rotate 02tcRIyrxLXTR81B3dqdOx --overlap-seconds 3600
    """

    async def work() -> tuple[NewAPIKey, Audiences]:
        acting = Acting()
        overlap = None if overlap_seconds is None else timedelta(seconds=overlap_seconds)
        async with opened(data_dir) as services:
            made = await services.api_keys.registrar.rotate_for_client(
                key_id, overlap=overlap, actor=acting.actor, origin=acting.origin
            )
            return made, services.audiences

    with explained():
        _print_made(*asyncio.run(work()), as_json=as_json)


@app.command("revoke")
def revoke(
    key_id: KeyID,
    leaked: Annotated[bool, typer.Option("--leaked", help="It was seen elsewhere: its owner is told by mail.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Let an API key count no more.

    Example: auth-service api-keys revoke 02tcRIyrxLXTR81B3dqdOx --leaked
    """

    async def work() -> tuple[APIKey, Audiences]:
        acting = Acting()
        async with opened(data_dir) as services:
            registrar = services.api_keys.registrar
            if leaked:
                key = await registrar.report_leak(key_id=key_id, actor=acting.actor, origin=acting.origin)
            else:
                key = await registrar.revoke(key_id, actor=acting.actor, origin=acting.origin)
            return key, services.audiences

    with explained():
        key, audiences = asyncio.run(work())
    if as_json:
        print_json(_as_json(key, audiences))
    else:
        print(f"{key.id} is {key.state.value}")


def _as_json(key: APIKey, audiences: Audiences) -> dict[str, object]:
    return {
        "id": key.id,
        "name": key.name,
        "owner_kind": key.owner_kind.value,
        "owner": key.owner,
        "audience": audiences.aud_of(key.audience),
        "scopes": list(key.scopes),
        "networks": list(key.networks),
        "state": key.state.value,
        "created_at": rfc3339(key.created_at),
        "expires_at": rfc3339(key.expires_at),
        "last_used_at": rfc3339(key.last_used_at),
        "replaced_by": key.successor_id,
    }


def _print_made(made: NewAPIKey, audiences: Audiences, *, as_json: bool) -> None:
    if as_json:
        print_json(_as_json(made.key, audiences) | {"api_key": made.raw_key})
        return
    print(f"id       {made.key.id}\napi_key  {made.raw_key}")
    print("The key is not stored and will not be shown again.")
