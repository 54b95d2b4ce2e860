"""`roles`: named sets of permissions."""

import asyncio
from typing import Annotated

import typer

from app.cli.context import opened
from app.cli.demand import Demand
from app.cli.operator import Acting, explained
from app.cli.options import AsJson, DataDir
from app.cli.printing import print_columns, print_done, print_json
from app.foundation.db import Transaction
from app.roles.rules import ListedRole
from app.wiring import Services

app = typer.Typer(no_args_is_help=True, help="Named sets of permissions, which users are given.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The role.", show_default=False)]
Permissions = Annotated[
    list[str], typer.Option("--permission", metavar="P", help="A permission; repeat for more.", show_default=False)
]
Audience = Annotated[
    str, typer.Option(metavar="A", help="The audience it is held at; self is this service.", show_default=False)
]


@app.command("create")
def create(
    name: Name,
    permission: Annotated[list[str] | None, typer.Option(metavar="P", help="A permission; repeat for more.")] = None,
    audience: Annotated[
        list[str] | None,
        typer.Option(metavar="A", help="Where: one for all permissions, or one for each in their order."),
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Make a role.

    Example: auth-service roles create support --permission orders:write --audience orders-api
    """
    grants = _paired(permission or [], audience or [])

    async def work() -> ListedRole:
        acting = Acting()
        async with opened(data_dir) as services, services.db.transaction() as tx:
            await services.role_registration.create(tx, name, actor=acting.actor, origin=acting.origin)
            await _grant(services, tx, name, grants, acting)
            return await _listed(services, tx, name)

    with explained():
        _print([asyncio.run(work())], as_json=as_json, alone=True)


@app.command("list")
def list_roles(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show every role with its permissions.

    Example: auth-service roles list
    """

    async def work() -> list[ListedRole]:
        async with opened(data_dir) as services, services.db.transaction() as tx:
            return await services.role_registration.list_all(tx)

    _print(asyncio.run(work()), as_json=as_json)


@app.command("show")
def show(name: Name, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show one role with its permissions.

    Example: auth-service roles show support
    """

    async def work() -> ListedRole:
        async with opened(data_dir) as services, services.db.transaction() as tx:
            return await services.role_registration.get(tx, name)

    with explained():
        _print([asyncio.run(work())], as_json=as_json, alone=True)


@app.command("delete")
def delete(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Delete a role. Everybody who holds it loses it at once, and stays signed in.

    Example: auth-service roles delete support --yes
    """
    if not yes:
        typer.confirm(f"Delete {name}? It cannot be undone.", abort=True)

    async def work() -> None:
        acting = Acting()
        async with opened(data_dir) as services, services.db.transaction() as tx:
            await services.role_registration.delete(tx, name, actor=acting.actor, origin=acting.origin)

    with explained():
        asyncio.run(work())
    print_done(f"deleted {name}", {"deleted": name}, as_json=as_json)


@app.command("grant")
def grant(
    name: Name, permission: Permissions, audience: Audience, data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """Give a role permissions at an audience. The next tokens of its holders carry them.

    Example: auth-service roles grant support --permission orders:refund --audience orders-api
    """

    async def work() -> ListedRole:
        acting = Acting()
        async with opened(data_dir) as services, services.db.transaction() as tx:
            await _grant(services, tx, name, [(item, audience) for item in permission], acting)
            return await _listed(services, tx, name)

    with explained():
        _print([asyncio.run(work())], as_json=as_json, alone=True)


@app.command("withdraw")
def withdraw(
    name: Name, permission: Permissions, audience: Audience, data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """Take permissions at an audience from a role. Its holders lose them at once, and stay signed in.

    Example: auth-service roles withdraw support --permission orders:refund --audience orders-api
    """

    async def work() -> ListedRole:
        acting = Acting()
        async with opened(data_dir) as services, services.db.transaction() as tx:
            for item in permission:
                await services.role_registration.withdraw(
                    tx, name, permission=item, audience=audience, actor=acting.actor, origin=acting.origin
                )
            return await _listed(services, tx, name)

    with explained():
        _print([asyncio.run(work())], as_json=as_json, alone=True)


@app.command("require-mfa")
def require_mfa(
    name: Name,
    acr: Annotated[Demand, typer.Option(help="aal2: two factors; phr: a passkey that verifies its user; none.")] = (
        Demand.AAL2
    ),
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Ask the holders of a role for a second factor wherever it counts. Open sessions stay.

    Example: auth-service roles require-mfa admin --acr phr
    """

    async def work() -> ListedRole:
        acting = Acting()
        async with opened(data_dir) as services, services.db.transaction() as tx:
            await services.role_registration.require_acr(tx, name, acr.acr, actor=acting.actor, origin=acting.origin)
            return await _listed(services, tx, name)

    with explained():
        _print([asyncio.run(work())], as_json=as_json, alone=True)


def _paired(permissions: list[str], audiences: list[str]) -> list[tuple[str, str]]:
    if len(audiences) == 1 and permissions:
        return [(permission, audiences[0]) for permission in permissions]
    if len(audiences) != len(permissions):
        raise typer.BadParameter("give one --audience for all permissions, or one for each --permission")
    return list(zip(permissions, audiences, strict=True))


async def _grant(services: Services, tx: Transaction, name: str, grants: list[tuple[str, str]], acting: Acting) -> None:
    for permission, audience in grants:
        await services.role_registration.grant(
            tx, name, permission=permission, audience=audience, actor=acting.actor, origin=acting.origin
        )


async def _listed(services: Services, tx: Transaction, name: str) -> ListedRole:
    return await services.role_registration.get(tx, name)


def _print(roles: list[ListedRole], *, as_json: bool, alone: bool = False) -> None:
    if as_json:
        values = [
            {"name": role.name, "permissions": role.permissions, "required_acr": role.required_acr} for role in roles
        ]
        print_json(values[0] if alone else values)
        return
    rows: list[tuple[str, str, str]] = []
    for role in roles:
        rows += [(role.name, audience, " ".join(held)) for audience, held in role.permissions.items()]
        if not role.permissions:
            rows.append((role.name, "-", "-"))
    print_columns(("ROLE", "AUDIENCE", "PERMISSIONS"), rows)
