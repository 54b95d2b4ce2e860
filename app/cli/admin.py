"""`create-admin`: the only way to the first administrator."""

import asyncio
import sys
from typing import Annotated

import typer

from app.cli.context import opened
from app.cli.operator import Acting, explained
from app.cli.options import AsJson, DataDir
from app.cli.printing import print_json
from app.lifecycle.administrator import Administrator

app = typer.Typer()

_MAX_BYTES = 4096


@app.command()
def create_admin(
    email: Annotated[str, typer.Option(help="The administrator's address.", show_default=False)],
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Make an administrator of this service; the user too, where there is none of that address.

    Without --password-stdin a new user gets a random password, which is printed this once. Doing it again
    changes nothing.

    Example: auth-service create-admin --email root@example.com --password-stdin < password.txt
    """
    password = _read_password() if password_stdin else None

    async def work() -> Administrator:
        acting = Acting()
        async with opened(data_dir) as services:
            return await services.administrators.create(
                email=email, password=password, actor=acting.actor, origin=acting.origin
            )

    with explained():
        made = asyncio.run(work())
    if as_json:
        secret = {} if made.made_up_password is None else {"password": made.made_up_password}
        print_json({"email": made.user.email, "sub": made.user.sub, "created": made.is_new, **secret})
        return
    print(f"{made.user.email} is an administrator")
    if made.made_up_password is not None:
        print(f"password: {made.made_up_password}")
        print("It is shown this once.", file=sys.stderr)


def _read_password() -> str:
    raw = sys.stdin.buffer.read(_MAX_BYTES + 1)
    try:
        # The line end belongs to whoever wrote the line, not to the password.
        password = raw.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise typer.BadParameter("the password on standard input is not UTF-8") from None
    if not password or len(raw) > _MAX_BYTES:
        raise typer.BadParameter(f"standard input holds no password of 1 to {_MAX_BYTES} bytes")
    return password
