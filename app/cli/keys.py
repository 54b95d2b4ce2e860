"""`keys` and `rotate-signing-key`: the keys that sign tokens."""

import asyncio
from datetime import datetime
from typing import Annotated

import typer

from app.cli.context import opened
from app.cli.operator import Acting
from app.cli.options import AsJson, DataDir
from app.cli.printing import print_columns, print_done, print_json
from app.foundation.clock import rfc3339
from app.protocols.jose.algorithms import Algorithm
from app.signing_keys.keyset import KeyDescription, KeyState
from app.signing_keys.rotate import DEFAULT_OVERLAP_SECONDS, Rotation

app = typer.Typer(no_args_is_help=True)

_LONGEST_OVERLAP_SECONDS = 366 * 86_400

Overlap = Annotated[
    int | None,
    typer.Option(
        "--overlap-seconds",
        min=0,
        max=_LONGEST_OVERLAP_SECONDS,
        metavar="N",
        help=f"How long the former key still verifies; {DEFAULT_OVERLAP_SECONDS}, or more where tokens live longer.",
        show_default=False,
    ),
]
Chosen = Annotated[
    Algorithm | None,
    typer.Option("--algorithm", help="Whose key; that of JWT__ALGORITHM where none is named.", show_default=False),
]
Force = Annotated[
    bool,
    typer.Option("--force", help="Allow an overlap that refuses honest tokens, as when the former key has leaked."),
]


@app.callback()
def _about() -> None:
    """The keys that sign tokens.

    Example: auth-service keys list
    """


@app.command("list")
def list_keys(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show every key that signs, signed or is to sign next. Private halves are never shown.

    Example: auth-service keys list
    """

    async def work() -> list[KeyDescription]:
        async with opened(data_dir) as services:
            return await services.keys.list_all()

    found = asyncio.run(work())
    if as_json:
        print_json([_described(key) for key in found])
        return
    print_columns(
        ("KID", "ALGORITHM", "STATE", "SIGNS SINCE", "VERIFIES UNTIL"),
        [
            (key.kid, key.algorithm.value, key.state.value, _shown(key.activated_at), _shown(_verifies_until(key)))
            for key in found
        ],
    )


Kid = Annotated[str, typer.Argument(metavar="KID", help="As `keys list` shows it.", show_default=False)]


@app.command("retire")
def retire(kid: Kid, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Take out a key that no honest token needs: the next one, or one that has long ceased to sign.

    Example: auth-service keys retire NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs
    """

    async def work() -> None:
        acting = Acting()
        async with opened(data_dir) as services:
            await services.key_rotation.retire(kid, actor=acting.actor, origin=acting.origin)

    asyncio.run(work())
    print_done(f"The key {kid} is retired.", {"kid": kid, "state": KeyState.RETIRED.value}, as_json=as_json)


@app.command("revoke")
def revoke(kid: Kid, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Refuse everything that a key has signed, because somebody else may have it.

    Running services follow within a second. Everybody whose token it signed refreshes, or signs in again.

    Example: auth-service keys revoke NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs
    """

    async def work() -> None:
        acting = Acting()
        async with opened(data_dir) as services:
            await services.key_withdrawal.revoke(kid, actor=acting.actor, origin=acting.origin)

    asyncio.run(work())
    words = f"The key {kid} is revoked: what it signed is refused."
    print_done(words, {"kid": kid, "state": KeyState.REVOKED.value}, as_json=as_json)


@app.command("rotate")
def rotate_signing_key(
    overlap_seconds: Overlap = None,
    algorithm: Chosen = None,
    force: Force = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Let the next key sign, which is published already, and publish a new next one.

    The former key verifies until the overlap ends. Running services follow within seconds and refuse no honest token.

    Example: auth-service rotate-signing-key --overlap-seconds 3600
    """

    async def work() -> Rotation:
        acting = Acting()
        async with opened(data_dir) as services:
            return await services.key_rotation.rotate(
                algorithm,
                overlap_seconds=overlap_seconds,
                force=force,
                actor=acting.actor,
                origin=acting.origin,
            )

    _print_rotation(asyncio.run(work()), as_json=as_json)


def _print_rotation(rotation: Rotation, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "algorithm": rotation.algorithm.value,
                "active_kid": rotation.active_kid,
                "retiring_kid": rotation.former_kid,
                "next_kid": rotation.next_kid,
                "signs_from": rfc3339(rotation.signs_from),
                "retires_at": rfc3339(rotation.retires_at),
                "overlap_seconds": rotation.overlap_seconds,
            }
        )
        return
    print(
        f"{rotation.algorithm.value} is signed by the key {rotation.active_kid} from {rfc3339(rotation.signs_from)} on."
    )
    print(f"The former key {rotation.former_kid} verifies until {rfc3339(rotation.retires_at)}.")
    print(f"The next key {rotation.next_kid} is published.")


def _described(key: KeyDescription) -> dict[str, object]:
    moments = {
        "created_at": key.created_at,
        "activated_at": key.activated_at,
        "retires_at": key.retires_at,
        "retired_at": key.retired_at,
    }
    return {
        "kid": key.kid,
        "algorithm": key.algorithm.value,
        "state": key.state.value,
        **{name: rfc3339(moment) for name, moment in moments.items()},
    }


def _verifies_until(key: KeyDescription) -> datetime | None:
    return key.retired_at or key.retires_at


def _shown(moment: datetime | None) -> str:
    return rfc3339(moment) if moment else "-"
