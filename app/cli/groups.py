"""`groups`: sets of users, who hold the groups' roles."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from app.cli.context import opened
from app.cli.operator import Acting, explained
from app.cli.options import AsJson, DataDir
from app.cli.printing import print_columns, print_done, print_facts, print_json
from app.cli.users import find_user
from app.foundation.clock import rfc3339
from app.foundation.db import Transaction
from app.groups.rules import Group, Member
from app.roles.change import By
from app.roles.rules import AssignedRole
from app.wiring import Services

app = typer.Typer(no_args_is_help=True, help="Sets of users, each of whom holds the group's roles.")

Name = Annotated[str, typer.Argument(metavar="GROUP", help="The group's name.", show_default=False)]
Who = Annotated[str, typer.Argument(metavar="EMAIL", help="Their e-mail address, or their sub.", show_default=False)]
RoleName = Annotated[str, typer.Argument(metavar="ROLE", show_default=False)]
Limit = Annotated[
    str | None,
    typer.Option("--audience", metavar="A", help="At this audience alone; self is this service.", show_default=False),
]
Work = Callable[[Services, Transaction, Group, By], Awaitable[object]]

_PAGE = 200


@dataclass(frozen=True, slots=True)
class _Shown:
    """A group with what belongs to it; of many members, the first."""

    group: Group
    roles: list[AssignedRole]
    members: list[Member]


@app.command("create")
def create(
    name: Name,
    description: Annotated[str | None, typer.Option(help="What it is for.", show_default=False)] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Make a group without members and roles.

    Example: auth-service groups create Helpdesk --description "Answers the phone"
    """

    async def work() -> _Shown:
        async with opened(data_dir) as services, services.db.transaction() as tx:
            group = await services.groups.create(tx, name, description=description, by=_by())
            return await _shown(services, tx, group)

    with explained():
        _print(asyncio.run(work()), as_json=as_json)


@app.command("list")
def list_groups(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show every group, oldest first.

    Example: auth-service groups list --json
    """

    async def work() -> list[Group]:
        found: list[Group] = []
        async with opened(data_dir) as services, services.db.transaction() as tx:
            while page := await services.groups.list_all(tx, after=found[-1].id if found else None, limit=_PAGE):
                found += page
        return found

    found = asyncio.run(work())
    if as_json:
        print_json([_as_json(group) for group in found])
    else:
        print_columns(
            ("GROUP", "DESCRIPTION", "ID"), [(one.name, one.description or "-", str(one.id)) for one in found]
        )


@app.command("show")
def show(name: Name, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show a group with its roles and its first 200 members.

    Example: auth-service groups show Helpdesk
    """

    async def work(_: Services, __: Transaction, ___: Group, ____: By) -> None:
        return None

    _change(name, work, data_dir, as_json=as_json)


@app.command("update")
def update(
    name: Name,
    rename: Annotated[str | None, typer.Option(metavar="NAME", help="Its new name.", show_default=False)] = None,
    description: Annotated[str | None, typer.Option(help="Empty takes it away.", show_default=False)] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Change a group's name or description. Tokens that show the old name are refused at once.

    Example: auth-service groups update Helpdesk --rename Support
    """

    async def work(services: Services, tx: Transaction, group: Group, by: By) -> None:
        said = group.description if description is None else description or None
        await services.groups.update(tx, group.id, name=rename or group.name, description=said, by=by)

    _change(name, work, data_dir, as_json=as_json)


@app.command("delete")
def delete(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Delete a group. Its members lose at once what they held by it.

    Example: auth-service groups delete Helpdesk --yes
    """
    if not yes:
        typer.confirm(f"Delete {name}? It cannot be undone.", abort=True)

    async def work() -> None:
        async with opened(data_dir) as services, services.db.transaction() as tx:
            group = await services.groups.get_by_name(tx, name)
            await services.groups.delete(tx, group.id, by=_by())

    with explained():
        asyncio.run(work())
    print_done(f"deleted {name}", {"deleted": name}, as_json=as_json)


@app.command("add-member")
def add_member(name: Name, who: Who, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Put a user into a group. Their next token has what it gives.

    Example: auth-service groups add-member Helpdesk ann@example.com
    """

    async def work(services: Services, tx: Transaction, group: Group, by: By) -> None:
        user = await find_user(services, tx, who)
        await services.groups.add_member(tx, group.id, user.sub, by=by)

    _change(name, work, data_dir, as_json=as_json)


@app.command("remove-member")
def remove_member(name: Name, who: Who, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Take a user out of a group. They lose at once what only this group gave them, and stay signed in.

    Example: auth-service groups remove-member Helpdesk ann@example.com
    """

    async def work(services: Services, tx: Transaction, group: Group, by: By) -> None:
        user = await find_user(services, tx, who)
        await services.groups.remove_member(tx, group.id, user.sub, by=by)

    _change(name, work, data_dir, as_json=as_json)


@app.command("assign-role")
def assign_role(
    name: Name, role: RoleName, audience: Limit = None, data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """Give every member of a group a role, everywhere or at one audience. Their next tokens say so.

    Example: auth-service groups assign-role Helpdesk support --audience orders-api
    """

    async def work(services: Services, tx: Transaction, group: Group, by: By) -> None:
        await services.groups.assign_role(tx, group.id, role=role, audience=audience, by=by)

    _change(name, work, data_dir, as_json=as_json)


@app.command("remove-role")
def remove_role(
    name: Name, role: RoleName, audience: Limit = None, data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """Take a role from a group, as it was given. Members lose it at once, and stay signed in.

    Example: auth-service groups remove-role Helpdesk support --audience orders-api
    """

    async def work(services: Services, tx: Transaction, group: Group, by: By) -> None:
        await services.groups.remove_role(tx, group.id, role=role, audience=audience, by=by)

    _change(name, work, data_dir, as_json=as_json)


def _change(name: str, work: Work, data_dir: Path | None, *, as_json: bool) -> None:
    """Do something to a group and show it as it is then."""

    async def changed() -> _Shown:
        async with opened(data_dir) as services, services.db.transaction() as tx:
            group = await services.groups.get_by_name(tx, name)
            await work(services, tx, group, _by())
            return await _shown(services, tx, await services.groups.get(tx, group.id))

    with explained():
        _print(asyncio.run(changed()), as_json=as_json)


def _by() -> By:
    acting = Acting()
    return By(actor=acting.actor, origin=acting.origin)


async def _shown(services: Services, tx: Transaction, group: Group) -> _Shown:
    roles = await services.groups.roles_of(tx, group.id)
    return _Shown(group, roles, await services.groups.list_members(tx, group.id, limit=_PAGE))


def _as_json(group: Group) -> dict[str, object]:
    return {
        "id": str(group.id),
        "name": group.name,
        "description": group.description,
        "created_at": rfc3339(group.created_at),
    }


def _print(shown: _Shown, *, as_json: bool) -> None:
    if as_json:
        roles = [{"role": role.role, "audience": role.audience} for role in shown.roles]
        members = [{"sub": member.sub, "email": member.email} for member in shown.members]
        print_json({**_as_json(shown.group), "roles": roles, "members": members})
        return
    lines = [
        ("group", shown.group.name),
        *([("about", shown.group.description)] if shown.group.description else []),
        *(("role", f"{role.role} at {role.audience or 'every audience'}") for role in shown.roles),
        *(("member", member.email) for member in shown.members),
    ]
    print_facts(lines, width=10)
