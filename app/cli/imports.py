"""`import`: moving in from another system."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from app.cli.context import opened
from app.cli.operator import Acting, explained
from app.cli.options import AsJson, DataDir
from app.cli.printing import print_columns, print_json
from app.cli.progress import progress
from app.foundation.errors import ServiceError
from app.transfer.imports import By
from app.transfer.keycloak.move import KeycloakImport
from app.transfer.keycloak.realm import RealmRefused
from app.transfer.keycloak.report import Report

app = typer.Typer(add_completion=False, no_args_is_help=True)


@app.callback()
def _about() -> None:
    """Move in from another system.

    Example: auth-service import keycloak realm.json --dry-run
    """


@app.command()
def keycloak(
    realm: Annotated[Path, typer.Argument(metavar="REALM.json", help="What `kc.sh export` wrote.", show_default=False)],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would come along.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Take in a realm: users with their passwords, roles, groups and clients. What is there already stays as it is.

    Everything that does not come along is listed; the exit status is 2 if there is any. New secrets of clients are
    printed once.

    Example: auth-service import keycloak realm.json --json
    """
    acting = Acting()
    by = By(actor=acting.actor, origin=acting.origin, unbound=True)

    async def work() -> Report:
        async with opened(data_dir) as services:
            moving = KeycloakImport(
                db=services.db,
                clock=services.clock,
                audiences=services.audience_registration,
                roles=services.role_registration,
                groups=services.groups,
                clients=services.clients,
                imports=services.user_imports,
            )
            with progress("users") as bar:
                return await moving.run(realm, by=by, dry_run=dry_run, observe=lambda _: bar.advance(1))

    try:
        with explained():
            report = asyncio.run(work())
    except RealmRefused as error:
        raise ServiceError(str(error)) from error
    except OSError as error:
        raise ServiceError(f"{realm} cannot be read: {error.strerror}.") from error
    (_print_json if as_json else _print)(report)
    if report.lost.total():
        raise typer.Exit(2)


def _print(report: Report) -> None:
    print_columns(("LOST", "OF", "WHY"), report.losses)
    if report.losses:
        print()
    kinds = sorted({*report.made, *report.present, *report.lost})
    rows = [(kind, str(report.made[kind]), str(report.present[kind]), str(report.lost[kind])) for kind in kinds]
    print_columns(("KIND", "WOULD COME" if report.dry_run else "CAME", "THERE ALREADY", "LOST"), rows)
    if report.clients:
        print()
        print_columns(
            ("CLIENT", "CLIENT ID", "SECRET, SHOWN ONCE"),
            [(*client[:2], client[2] or "-") for client in report.clients],
        )


def _print_json(report: Report) -> None:
    def counted(counter: Counter[str]) -> dict[str, int]:
        return {kind: count for kind, count in sorted(counter.items()) if count}

    print_json(
        {
            "dry_run": report.dry_run,
            "imported": counted(report.made),
            "present": counted(report.present),
            "lost": counted(report.lost),
            "losses": [loss._asdict() for loss in report.losses],
            "clients": [client._asdict() for client in report.clients],
        }
    )
