"""`saml-keys`: the key pairs that we sign by at SAML providers."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from app.admin.saml_keys import MAX_OVERLAP_SECONDS, SAMLKeyBody, SAMLRotationBody
from app.cli.context import opened
from app.cli.operator import Acting, explained
from app.cli.options import AsJson, DataDir
from app.cli.printing import print_columns, print_done, print_json
from app.federation.saml.rotation import SAMLKeyRotation

app = typer.Typer(
    no_args_is_help=True,
    help="The key pairs that we sign by at SAML providers, and that open what these encrypt for us.",
)

_T = TypeVar("_T")

Fingerprint = Annotated[
    str, typer.Argument(metavar="FINGERPRINT", help="As `saml-keys list` shows it.", show_default=False)
]
Overlap = Annotated[
    int | None,
    typer.Option(
        "--overlap-seconds",
        min=0,
        max=MAX_OVERLAP_SECONDS,
        metavar="N",
        help="How long the former key opens what is encrypted for it; 1209600, which are fourteen days.",
        show_default=False,
    ),
]


@app.command("list")
def list_keys(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show every key pair that counts, the newest first. Private halves are never shown.

    Example: auth-service saml-keys list
    """
    found = [SAMLKeyBody.of(key) for key in _do(data_dir, lambda keys, _: keys.list())]
    if as_json:
        print_json([key.model_dump(mode="json") for key in found])
        return
    print_columns(
        ("FINGERPRINT", "STATE", "SINCE", "READY AT", "OPENS UNTIL"),
        [
            (key.fingerprint, key.state.value, key.activated_at or key.created_at, key.ready_at or "-", _until(key))
            for key in found
        ],
    )


@app.command("publish")
def publish(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Make the next key pair and put it into our metadata, so that providers know it before it signs.

    Example: auth-service saml-keys publish
    """
    made = SAMLKeyBody.of(_do(data_dir, lambda keys, acting: keys.publish(actor=acting.actor, origin=acting.origin)))
    if as_json:
        print_json(made.model_dump(mode="json"))
        return
    print(f"The key {made.fingerprint} stands in our metadata. It may sign from {made.ready_at} on.")
    print(made.certificate, end="")


@app.command("rotate")
def rotate(
    overlap_seconds: Overlap = None,
    force: Annotated[
        bool, typer.Option("--force", help="Without waiting for providers, as when the key that signs has leaked.")
    ] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Let the published key sign. The former one opens what providers encrypt for it until the overlap ends.

    Example: auth-service saml-keys rotate
    """
    overlap = None if overlap_seconds is None else timedelta(seconds=overlap_seconds)
    done = SAMLRotationBody.of(
        _do(
            data_dir,
            lambda keys, acting: keys.rotate(overlap=overlap, force=force, actor=acting.actor, origin=acting.origin),
        )
    )
    if as_json:
        print_json(done.model_dump())
        return
    print(f"The key {done.active} signs.")
    print(f"The former key {done.former} opens what is encrypted for it until {done.retires_at}.")


@app.command("retire")
def retire(
    fingerprint: Fingerprint,
    force: Annotated[bool, typer.Option("--force", help="Also one that providers may still encrypt for.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Take out a key pair that does not sign, and erase its private half.

    Example: auth-service saml-keys retire 5f0c1d6e4b --force
    """
    _do(
        data_dir,
        lambda keys, acting: keys.retire(fingerprint, force=force, actor=acting.actor, origin=acting.origin),
    )
    print_done(f"The key {fingerprint} is gone.", {"retired": fingerprint}, as_json=as_json)


def _do(data_dir: Path | None, act: Callable[[SAMLKeyRotation, Acting], Awaitable[_T]]) -> _T:
    async def work() -> _T:
        acting = Acting()
        async with opened(data_dir) as services:
            return await act(services.saml.key_rotation, acting)

    with explained():
        return asyncio.run(work())


def _until(key: SAMLKeyBody) -> str:
    return key.retires_at or "-"
