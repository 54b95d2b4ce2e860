"""`users`, continued: by which other providers somebody signs in."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar
from uuid import UUID

import typer

from app.admin.user_identities import UserIdentityBody
from app.cli.context import opened
from app.cli.operator import Acting, explained
from app.cli.options import AsJson, DataDir
from app.cli.printing import print_columns, print_done, print_json
from app.cli.user_factors import app
from app.cli.users import Who, find_user
from app.federation.identities.service import Linked
from app.users.user import User
from app.wiring import Services

__all__ = ["app"]

_T = TypeVar("_T")


@app.command("identities")
def list_identities(who: Who, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show by which other providers a user signs in, the oldest first.

    Example: auth-service users identities ann@example.com --json
    """

    async def work(services: Services, user: User) -> list[UserIdentityBody]:
        return [UserIdentityBody.of(linked) for linked in await services.brokering.unlinking.list_of(user.id)]

    found = _do(who, work, data_dir)
    if as_json:
        print_json([one.model_dump(mode="json") for one in found])
        return
    print_columns(
        ("ID", "PROVIDER", "ISSUER", "SUBJECT", "LAST USED"),
        [(one.id, one.provider, one.issuer, one.subject, one.last_used_at or "-") for one in found],
    )


@app.command("unlink")
def unlink(
    who: Who,
    identity_id: Annotated[
        UUID, typer.Argument(metavar="ID", help="As `users identities` shows it.", show_default=False)
    ],
    force: Annotated[bool, typer.Option("--force", help="Also where they could not sign in any more.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Let an identity open a user's account no more, end their sessions and tell them.

    Example: auth-service users unlink ann@example.com 01922d1c-8f6b-7c41-9b1e-3f6d2a7c5e10
    """
    acting = Acting()

    async def work(services: Services, user: User) -> Linked:
        return await services.brokering.unlinking.unlink(
            user.id, identity_id, keep=None, actor=acting.actor, origin=acting.origin, forced=force
        )

    linked = _do(who, work, data_dir)
    values = {"unlinked": str(identity_id), "provider": linked.connection_id, "subject": linked.subject}
    print_done(f"unlinked {linked.subject} at {linked.connection_id}", values, as_json=as_json)


def _do(who: str, work: Callable[[Services, User], Awaitable[_T]], data_dir: Path | None) -> _T:
    async def done() -> _T:
        async with opened(data_dir) as services:
            async with services.db.transaction() as tx:
                user = await find_user(services, tx, who)
            return await work(services, user)

    with explained():
        return asyncio.run(done())
