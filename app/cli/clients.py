"""`clients`: programs that prove themselves by a secret."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Any

import typer

from app.cli import end_everything
from app.cli.client_options import VerifiedPublisher
from app.cli.context import opened
from app.cli.create_client import print_credentials
from app.cli.operator import Acting, explained
from app.cli.options import AsJson, DataDir
from app.cli.printing import print_columns, print_done, print_facts, print_json
from app.clients.service import Client, NewCredentials
from app.foundation.errors import ServiceError

app = typer.Typer(no_args_is_help=True, help="Programs that prove themselves by a secret; create-client makes one.")

_PAGE = 200


def _uris(flag: str, words: str) -> Any:
    return typer.Option(flag, metavar="U", help=words, show_default=False)


ClientID = Annotated[str, typer.Argument(metavar="CLIENT_ID", help="As create-client printed it.", show_default=False)]


def _changed(what: str, held: Sequence[str], add: list[str] | None, remove: list[str] | None) -> tuple[str, ...]:
    """A list with some more and some fewer of its entries. Raises ServiceError for one that it does not have."""
    for entry in remove or ():
        if entry not in held:
            raise ServiceError(f"The client has no such {what}: {entry}. It has: {', '.join(held) or 'none'}.")
    return tuple(dict.fromkeys([*(entry for entry in held if entry not in (remove or ())), *(add or ())]))


app.command("end-everything")(end_everything.client)


@app.command("list")
def list_clients(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show every client.

    Example: auth-service clients list --json
    """

    async def work() -> list[Client]:
        found: list[Client] = []
        async with opened(data_dir) as services, services.db.transaction() as tx:
            while page := await services.clients.list(tx, limit=_PAGE, after=found[-1].id if found else None):
                found.extend(page)
        return found

    found = asyncio.run(work())
    if as_json:
        print_json([client.as_json() for client in found])
    else:
        print_columns(
            ("CLIENT", "NAME", "AUDIENCE", "SCOPES", "GRANTS", "STATE"),
            [
                (
                    client.client_id,
                    client.name,
                    client.audience or "-",
                    " ".join(client.scopes) or "-",
                    " ".join(client.definition.grant_types) or "-",
                    "disabled" if client.disabled_at else "active",
                )
                for client in found
            ],
        )


@app.command("show")
def show(client_id: ClientID, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show one client.

    Example: auth-service clients show c_0123456789abcdefABCDEF
    """

    async def work() -> Client:
        async with opened(data_dir) as services, services.db.transaction() as tx:
            return await services.clients.get(tx, client_id)

    with explained():
        _print_one(asyncio.run(work()), as_json=as_json)


@app.command("update")
def update(
    client_id: ClientID,
    *,
    add: Annotated[list[str] | None, _uris("--add-redirect-uri", "Where codes may be sent too; repeatable.")] = None,
    remove: Annotated[
        list[str] | None, _uris("--remove-redirect-uri", "Where codes may be sent no more; repeatable.")
    ] = None,
    add_origin: Annotated[list[str] | None, _uris("--add-origin", "Whose scripts may read its answers too.")] = None,
    remove_origin: Annotated[list[str] | None, _uris("--remove-origin", "Whose scripts may no more.")] = None,
    verified_publisher: VerifiedPublisher = None,
    unverified: Annotated[bool, typer.Option("--unverified", help="Nobody vouches any more for whose it is.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Change where a client may have codes sent, whose scripts may read its answers, and who is told to be behind it.

    Tokens that it has stay good.

    Example: auth-service clients update c_0123456789abcdefABCDEF --add-redirect-uri http://localhost:3000/cb
    """

    async def work() -> Client:
        acting = Acting()
        async with opened(data_dir) as services, services.db.transaction() as tx:
            # Held, so that of two changes at once the second begins from what the first has left.
            present = (await services.clients.lock(tx, client_id)).definition
            changed = replace(
                present,
                redirect_uris=_changed("redirect URI", present.redirect_uris, add, remove),
                allowed_origins=_changed("origin", present.allowed_origins, add_origin, remove_origin),
                verified_publisher=None if unverified else verified_publisher or present.verified_publisher,
            )
            return await services.clients.update(tx, client_id, changed, actor=acting.actor, origin=acting.origin)

    with explained():
        if not (add or remove or add_origin or remove_origin or verified_publisher is not None or unverified):
            raise ServiceError("Say what shall change: --add-redirect-uri, --remove-redirect-uri, --add-origin …")
        if unverified and verified_publisher is not None:
            raise ServiceError("--verified-publisher and --unverified say opposite things.")
        _print_one(asyncio.run(work()), as_json=as_json)


@app.command("disable")
def disable(client_id: ClientID, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Let a client authenticate no more; `enable` takes that back.

    Example: auth-service clients disable c_0123456789abcdefABCDEF
    """

    async def work() -> Client:
        acting = Acting()
        async with opened(data_dir) as services, services.db.transaction() as tx:
            return await services.clients.disable(tx, client_id, actor=acting.actor, origin=acting.origin)

    with explained():
        _print_one(asyncio.run(work()), as_json=as_json)


@app.command("enable")
def enable(client_id: ClientID, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Let a disabled client authenticate again, by the secrets that it had.

    Example: auth-service clients enable c_0123456789abcdefABCDEF
    """

    async def work() -> Client:
        acting = Acting()
        async with opened(data_dir) as services, services.db.transaction() as tx:
            return await services.clients.enable(tx, client_id, actor=acting.actor, origin=acting.origin)

    with explained():
        _print_one(asyncio.run(work()), as_json=as_json)


@app.command("rotate-secret")
def rotate_secret(
    client_id: ClientID,
    overlap_seconds: Annotated[
        int, typer.Option("--overlap-seconds", metavar="N", min=0, max=604_800, help="How long the former ones count.")
    ] = 86_400,
    leaked: Annotated[
        bool, typer.Option("--leaked", help="No overlap, and what the client was issued counts no more.")
    ] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Give a client another secret and print it; the former ones count until the overlap ends.

    Example: auth-service clients rotate-secret c_0123456789abcdefABCDEF --overlap-seconds 3600
    """

    async def work() -> NewCredentials:
        acting = Acting()
        overlap = timedelta(seconds=0 if leaked else overlap_seconds)
        async with opened(data_dir) as services, services.db.transaction() as tx:
            return await services.clients.rotate_secret(
                tx, client_id, overlap=overlap, end_tokens=leaked, actor=acting.actor, origin=acting.origin
            )

    with explained():
        print_credentials(asyncio.run(work()), as_json=as_json)


@app.command("delete")
def delete(client_id: ClientID, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Remove a client for good. Its tokens count no more, and its id is never used again.

    Example: auth-service clients delete c_0123456789abcdefABCDEF
    """

    async def work() -> None:
        acting = Acting()
        async with opened(data_dir) as services, services.db.transaction() as tx:
            await services.clients.delete(tx, client_id, actor=acting.actor, origin=acting.origin)

    with explained():
        asyncio.run(work())
    print_done(f"{client_id} is deleted.", {"deleted": client_id}, as_json=as_json)


def _print_one(client: Client, *, as_json: bool) -> None:
    shown = client.as_json()
    if as_json:
        print_json(shown)
        return
    facts = []
    for name, value in shown.items():
        words = " ".join(value) if isinstance(value, list) else json.dumps(value) if isinstance(value, dict) else value
        facts.append((name, words or "-"))
    print_facts(facts, width=27)
