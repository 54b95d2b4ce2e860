"""`verify-audit-log`: whether the log is what was written."""

import asyncio
import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from app.audit.heads import HEAD_TYP, Head
from app.audit.verification import LogVerification, ReadHead, Verified
from app.cli.context import opened
from app.cli.options import AsJson, DataDir
from app.cli.printing import print_json, print_verdict
from app.cli.progress import progress
from app.cli.terminal import is_watched
from app.foundation.clock import rfc3339
from app.foundation.errors import ServiceError
from app.signing_keys.witness import Witness
from app.wiring import Services

app = typer.Typer(add_completion=False)

AnchorFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--anchors",
        metavar="FILE",
        help="Compare with the signed heads in this file too; repeat for more. AUDIT__ANCHOR_FILE always counts.",
        show_default=False,
    ),
]


@app.command()
def verify_audit_log(anchors: AnchorFiles = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Verify the audit log: each entry, the chain from the first that is kept, every signed head, every anchor.

    The exit status is 1 at the first entry that was changed, moved, added or removed, which is named. Only anchors
    outside the database tell that everything after some moment was cut off or written anew.

    Example: auth-service verify-audit-log --anchors /mnt/anchors/heads --json
    """

    async def work() -> tuple[Verified, bool]:
        async with opened(data_dir) as services:
            return await _verify(services, anchors or [])

    found, late = asyncio.run(work())
    if as_json:
        print_json(_as_json(found, late=late))
    else:
        _print(found, late=late)
    raise typer.Exit(0 if found.broken is None else 1)


async def _verify(services: Services, named: list[Path]) -> tuple[Verified, bool]:
    own = services.settings.audit.anchor_file
    files = [*named, *([own] if own is not None and own not in named and own.exists() else [])]
    verification = LogVerification(services.db, services.clock, await _reader(services))
    with contextlib.ExitStack() as stack, progress("verifying", total=1) as bar:
        lines = [(str(path), stack.enter_context(_opened(path))) for path in files]
        found = await verification.verify(lines, progress=bar.reach if is_watched(sys.stderr) else None)
        bar.reach(found.entries, found.entries)
    return found, verification.is_late(found)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Iterator[str]]:
    try:
        with path.open(encoding="ascii", errors="replace") as file:
            yield file
    except OSError as error:
        raise ServiceError(f"{path} cannot be read ({error.strerror}).") from error


async def _reader(services: Services) -> ReadHead:
    async with services.db.transaction() as tx:
        witness = await Witness.of(tx)

    def read(jws: str) -> Head:
        claims = witness.read(jws, typ=HEAD_TYP)
        if claims.get("iss") != services.settings.public_url:
            raise ValueError("it is of another issuer")
        return Head.of_claims(claims)

    return read


def _as_json(found: Verified, *, late: bool) -> dict[str, object]:
    broken = found.broken
    return {
        "ok": broken is None,
        "entries": found.entries,
        "first": found.first,
        "last": found.last,
        "erased": found.erased,
        "retention_gaps": found.gaps,
        "heads": found.heads,
        "anchors": found.anchors,
        "unchained": found.unchained,
        "unchained_is_late": late,
        "broken": None
        if broken is None
        else {
            "what": str(broken),
            "number": broken.number,
            "entry_id": None if broken.entry_id is None else str(broken.entry_id),
        },
    }


def _print(found: Verified, *, late: bool) -> None:
    numbers = "none" if found.first is None else f"numbers {found.first} to {found.last}"
    print(f"entries   {found.entries} verified, {numbers}; of {found.erased} personal data were erased")
    if found.gaps:
        print(f"retention the chain goes on across {found.gaps} gap{'s' if found.gaps > 1 else ''}")
    print(f"heads     {found.heads} signed heads agree")
    print(f"anchors   {found.anchors} agree" if found.anchors else "anchors   none were compared")
    if found.unchained_since is not None:
        warning = "; no web process chains them" if late else ""
        print(f"tail      {found.unchained} wait for their place since {rfc3339(found.unchained_since)}{warning}")
    if found.broken is None:
        print_verdict("The log is whole.", good=True)
    else:
        print_verdict(f"BROKEN: {found.broken}", good=False)
