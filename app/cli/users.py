"""`users`: the people who can sign in."""

import asyncio
from collections.abc import Awaitable, Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from app.cli.context import opened
from app.cli.operator import Acting, explained
from app.cli.options import AsJson, DataDir
from app.cli.printing import print_columns, print_done, print_facts, print_json
from app.foundation.db import Transaction
from app.roles.rules import AssignedRole
from app.users.errors import UserNotFound
from app.users.user import AttributeValue, User
from app.wiring import Services

app = typer.Typer(no_args_is_help=True, help="The people who can sign in.")

Who = Annotated[str, typer.Argument(metavar="EMAIL", help="Their e-mail address, or their sub.", show_default=False)]
RoleName = Annotated[str, typer.Argument(metavar="ROLE", show_default=False)]
Limit = Annotated[
    str | None,
    typer.Option("--audience", metavar="A", help="At this audience alone; self is this service.", show_default=False),
]


class ValueType(StrEnum):
    """What an attribute's value is."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"


@app.command("list")
def list_users(
    email: Annotated[str | None, typer.Option(help="Only addresses that begin so.", show_default=False)] = None,
    limit: Annotated[int, typer.Option(min=1, max=200)] = 50,
    after: Annotated[str | None, typer.Option(help="Go on after this address or sub.", show_default=False)] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show users, oldest first.

    Example: auth-service users list --email ann --json
    """

    async def work() -> tuple[User, ...]:
        async with opened(data_dir) as services, services.db.transaction() as tx:
            start = None if after is None else (await find_user(services, tx, after)).id
            return await services.users.list(tx, limit=limit, after=start, email_prefix=email)

    with explained():
        found = asyncio.run(work())
    if as_json:
        print_json([_as_json(user) for user in found])
    else:
        print_columns(("E-MAIL", "STATUS", "SUB"), [(user.email, user.status.value, user.sub) for user in found])


@app.command("show")
def show(who: Who, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show one user with their roles.

    Example: auth-service users show ann@example.com
    """

    async def work(_: Services, __: User) -> None:
        return None

    change(who, work, data_dir, as_json=as_json)


@app.command("assign-role")
def assign_role(
    who: Who, role: RoleName, audience: Limit = None, data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """Give a user a role, everywhere or at one audience. Their next token says so.

    Example: auth-service users assign-role ann@example.com support --audience orders-api
    """
    acting = Acting()

    async def work(services: Services, user: User) -> None:
        async with services.db.transaction() as tx:
            await services.role_assignments.assign(
                tx, user_id=user.id, role=role, audience=audience, actor=acting.actor, origin=acting.origin
            )

    change(who, work, data_dir, as_json=as_json)


@app.command("remove-role")
def remove_role(
    who: Who, role: RoleName, audience: Limit = None, data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """Take a role from a user, as it was given. They lose it at once, and stay signed in.

    Example: auth-service users remove-role ann@example.com support --audience orders-api
    """
    acting = Acting()

    async def work(services: Services, user: User) -> None:
        async with services.db.transaction() as tx:
            await services.role_assignments.remove(
                tx, user_id=user.id, role=role, audience=audience, actor=acting.actor, origin=acting.origin
            )

    change(who, work, data_dir, as_json=as_json)


@app.command("suspend")
def suspend(who: Who, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Keep a user from signing in, and end every session, sign-in and mailed link of theirs.

    Example: auth-service users suspend ann@example.com
    """
    acting = Acting()

    async def work(services: Services, user: User) -> None:
        await services.lifecycle.suspend(user.id, actor=acting.actor, origin=acting.origin)

    change(who, work, data_dir, as_json=as_json)


@app.command("reactivate")
def reactivate(who: Who, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Let a suspended user sign in again, or give back an account that its owner closed.

    Example: auth-service users reactivate ann@example.com
    """
    acting = Acting()

    async def work(services: Services, user: User) -> None:
        await services.lifecycle.reactivate(user.id, actor=acting.actor, origin=acting.origin)

    change(who, work, data_dir, as_json=as_json)


@app.command("unlock")
def unlock(who: Who, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Forget a user's wrong passwords, which opens an account that they locked.

    Example: auth-service users unlock ann@example.com
    """
    acting = Acting()

    async def work(services: Services, user: User) -> None:
        async with services.db.transaction() as tx:
            await services.lockout.lift(tx, user, actor=acting.actor, origin=acting.origin)

    change(who, work, data_dir, as_json=as_json)


@app.command("set-attribute")
def set_attribute(  # noqa: PLR0917 — typer hands them over by name
    who: Who,
    name: Annotated[str, typer.Argument(metavar="NAME", show_default=False)],
    value: Annotated[
        str | None, typer.Argument(metavar="VALUE", help="Left out: removes it.", show_default=False)
    ] = None,
    value_type: Annotated[ValueType, typer.Option("--type", help="What the value is.")] = ValueType.TEXT,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Set a named attribute, which audiences may ask for as a claim; without VALUE remove it.

    Example: auth-service users set-attribute ann@example.com tier gold
    """
    acting = Acting()
    typed = None if value is None else _typed(value, value_type)

    async def work(services: Services, user: User) -> None:
        async with services.db.transaction() as tx:
            await services.users.set_attribute(
                tx, user.id, name=name, value=typed, actor=acting.actor, origin=acting.origin
            )

    change(who, work, data_dir, as_json=as_json)


@app.command("delete")
def delete(
    who: Who,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Delete a user with their credentials, roles and sessions. It cannot be undone.

    Example: auth-service users delete ann@example.com --yes
    """
    if not yes:
        typer.confirm(f"Delete {who}? It cannot be undone.", abort=True)
    acting = Acting()

    async def work() -> User:
        async with opened(data_dir) as services:
            async with services.db.transaction() as tx:
                user = await find_user(services, tx, who)
            return await services.lifecycle.delete(user.id, actor=acting.actor, origin=acting.origin)

    with explained():
        gone = asyncio.run(work())
    print_done(f"deleted {gone.email}", {"deleted": gone.sub}, as_json=as_json)


def change(
    who: str, work: Callable[[Services, User], Awaitable[None]], data_dir: Path | None, *, as_json: bool
) -> None:
    """Do something to a user and show them as they are then."""

    async def changed() -> tuple[User, list[AssignedRole]]:
        async with opened(data_dir) as services:
            async with services.db.transaction() as tx:
                user = await find_user(services, tx, who)
            await work(services, user)
            async with services.db.transaction() as tx:
                return await services.users.get(tx, user.id), await services.role_assignments.list_of(tx, user.id)

    with explained():
        user, roles = asyncio.run(changed())
    if as_json:
        held = [{"role": role.role, "audience": role.audience} for role in roles]
        print_json({**_as_json(user), "roles": held})
        return
    print_facts(_lines(user, roles), width=10)


async def find_user(services: Services, tx: Transaction, who: str) -> User:
    """The user of this address or `sub`. Raises UserNotFound."""
    user = await services.users.find_by_email(tx, who)
    if user is None and who.isascii() and who.isprintable():
        user = await services.users.find_by_sub(tx, who)
    if user is None:
        raise UserNotFound(f"There is no user {ascii(who)[1:-1]}.")
    return user


def _typed(value: str, value_type: ValueType) -> AttributeValue:
    try:
        match value_type:
            case ValueType.TEXT:
                return value
            case ValueType.INTEGER:
                return int(value)
            case ValueType.NUMBER:
                return float(value)
            case ValueType.BOOLEAN:
                return {"true": True, "false": False}[value]
    except (ValueError, KeyError):
        raise typer.BadParameter(f"{value} is no {value_type.value}") from None


def _as_json(user: User) -> dict[str, object]:
    return {
        "sub": user.sub,
        "email": user.email,
        "email_verified": user.email_verified_at is not None,
        "name": user.name,
        "status": user.status.value,
        "required_acr": user.required_acr,
        "attributes": dict(user.attributes),
        "created_at": user.created_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }


def _lines(user: User, roles: list[AssignedRole]) -> list[tuple[str, str]]:
    return [
        ("e-mail", f"{user.email}, {'verified' if user.email_verified_at else 'not verified'}"),
        ("sub", user.sub),
        ("name", user.name or "-"),
        ("status", user.status.value),
        *([("asked for", user.required_acr)] if user.required_acr else []),
        *(("attribute", f"{name} = {value}") for name, value in user.attributes.items()),
        *(("role", f"{role.role} at {role.audience or 'every audience'}") for role in roles),
    ]
