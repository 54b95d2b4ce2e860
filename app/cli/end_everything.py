"""`users|clients|audiences end-everything`: the panic switch."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import typer

from app.cli.context import opened
from app.cli.operator import Acting, explained
from app.cli.options import AsJson, DataDir
from app.cli.printing import print_json
from app.cli.users import Who, find_user
from app.foundation.clock import rfc3339
from app.lifecycle.ending import Ended
from app.wiring import Services

Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for the audit log.", show_default=False)]
ClientID = Annotated[str, typer.Argument(metavar="CLIENT_ID", show_default=False)]
Name = Annotated[str, typer.Argument(metavar="NAME", show_default=False)]


def user(who: Who, reason: Reason, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """End every session, sign-in, mailed link, token and API key of a user, who may sign in again at once.

    Example: auth-service users end-everything ann@example.com --reason "INC-4711: stolen laptop"
    """
    acting = Acting()

    async def work(services: Services) -> Ended:
        async with services.db.transaction() as tx:
            found = await find_user(services, tx, who)
        return await services.ending.of_user(found, reason=reason, actor=acting.actor, origin=acting.origin)

    _end(work, data_dir, as_json=as_json)


def client(client_id: ClientID, reason: Reason, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """End every token and API key of a client, and what it holds for users. Its secrets stay.

    Example: auth-service clients end-everything c_0123456789abcdefABCDEF --reason "INC-4711: broken into"
    """
    acting = Acting()

    async def work(services: Services) -> Ended:
        return await services.ending.of_client(client_id, reason=reason, actor=acting.actor, origin=acting.origin)

    _end(work, data_dir, as_json=as_json)


def audience(name: Name, reason: Reason, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """End every token and API key for an audience, and the sign-ins that were for it.

    Example: auth-service audiences end-everything orders-api --reason "INC-4711: tokens in a public log"
    """
    acting = Acting()

    async def work(services: Services) -> Ended:
        return await services.ending.of_audience(name, reason=reason, actor=acting.actor, origin=acting.origin)

    _end(work, data_dir, as_json=as_json)


def _end(work: Callable[[Services], Awaitable[Ended]], data_dir: Path | None, *, as_json: bool) -> None:
    async def ended() -> Ended:
        async with opened(data_dir) as services:
            return await work(services)

    with explained():
        done = asyncio.run(ended())
    at = rfc3339(done.not_before)
    if as_json:
        print_json({"not_before": at, "sessions": done.sessions, "api_keys": done.api_keys})
    else:
        print(f"What was issued before {at} is refused: {done.sessions} sessions, {done.api_keys} API keys ended.")
