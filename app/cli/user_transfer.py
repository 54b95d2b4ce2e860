"""`users`, continued: taking many in from a file, handing all of them out, and ending everything of one."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Annotated, BinaryIO
from uuid import UUID

import typer

from app.cli import end_everything
from app.cli.context import opened
from app.cli.operator import Acting, explained
from app.cli.options import AsJson, DataDir
from app.cli.printing import print_columns, print_json
from app.cli.progress import progress
from app.cli.user_identities import app
from app.foundation.ids import new_id
from app.transfer.imports import By
from app.transfer.lines import split
from app.transfer.progress import Progress, Refusal

__all__ = ["app"]

_CHUNK_BYTES = 256 * 1024
_SHOWN = 200

Source = Annotated[
    Path,
    typer.Argument(metavar="FILE", help="One JSON object a line; - is standard input.", show_default=False),
]
Target = Annotated[
    Path, typer.Argument(metavar="FILE", help="Where the lines go; - is standard output.", show_default=False)
]
Resumed = Annotated[
    UUID | None,
    typer.Option("--resume", metavar="ID", help="Go on with an import that broke off.", show_default=False),
]
WithHashes = Annotated[bool, typer.Option("--with-hashes", help="With the hashes of passwords: keep the file safe.")]


app.command("end-everything")(end_everything.user)


@app.command("import")
def import_users(source: Source, resume: Resumed = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Make users of the lines of a file, in constant memory; who is there already stays as they are.

    Lines that are refused are shown and the others imported; the exit status is 1 if there were any.

    Example: auth-service users import users.ndjson
    """
    acting = Acting()
    by = By(actor=acting.actor, origin=acting.origin, unbound=True)

    async def work(file: BinaryIO, tell: Callable[[int], None]) -> tuple[Progress, list[Refusal]]:
        async with opened(data_dir) as services:
            import_id = resume or new_id(services.clock.now())
            print(f"import {import_id}; if it breaks off: --resume {import_id}", file=sys.stderr)
            lines = split(_chunks(file, tell))
            done = await services.user_imports.run(lines, by=by, import_id=import_id)
            return done, list(await services.user_imports.refusals(import_id, limit=_SHOWN))

    with explained(), _reading(source) as (file, size), progress("importing", total=size or None) as bar:
        done, refused = asyncio.run(work(file, bar.advance))
    (_print_json if as_json else _print)(done, refused)
    if done.failed:
        raise typer.Exit(1)


@app.command("export")
def export_users(
    target: Target, with_hashes: WithHashes = False, data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """Write every user as a line of JSON, in constant memory: what `users import` reads.

    Example: auth-service users export users.ndjson
    """
    acting = Acting()

    to_output = str(target) == "-"

    async def work(file: BinaryIO, tell: Callable[[int], None]) -> int:
        count = 0
        async with opened(data_dir) as services:
            begun = services.user_export.begin(with_hashes=with_hashes, actor=acting.actor, origin=acting.origin)
            async for piece in await begun:
                lines = piece.count(b"\n")
                file.write(piece)
                tell(lines)
                count += lines
        return count

    with explained(), _writing(target) as file, progress("exporting", beside_output=to_output) as bar:
        count = asyncio.run(work(file, bar.advance))
    if as_json and not to_output:
        print_json({"exported": count})
    else:
        print(f"exported {count} users", file=sys.stderr)


async def _chunks(file: BinaryIO, tell: Callable[[int], None]) -> AsyncIterator[bytes]:
    while chunk := await asyncio.to_thread(file.read, _CHUNK_BYTES):
        yield chunk
        tell(len(chunk))


@contextlib.contextmanager
def _reading(source: Path) -> Iterator[tuple[BinaryIO, int]]:
    """The file and its size in bytes; 0 where that is not known beforehand."""
    if str(source) == "-":
        yield sys.stdin.buffer, 0
        return
    try:
        with source.open("rb") as file:
            yield file, source.stat().st_size
    except OSError as error:
        raise typer.BadParameter(f"{source} cannot be read: {error.strerror}") from None


@contextlib.contextmanager
def _writing(target: Path) -> Iterator[BinaryIO]:
    if str(target) == "-":
        yield sys.stdout.buffer
        return
    try:
        # It holds what is known of everybody: nobody else on this machine reads it.
        target.touch(mode=0o600)
        with target.open("wb") as file:
            yield file
    except OSError as error:
        raise typer.BadParameter(f"{target} cannot be written: {error.strerror}") from None


def _print(done: Progress, refused: list[Refusal]) -> None:
    print_columns(("LINE", "CODE", "WHY"), [(str(line), code, words) for line, code, words in refused])
    if done.failed > len(refused):
        print(f"… and {done.failed - len(refused)} more")
    print(f"{done.imported} imported, {done.present} there already, {done.failed} refused, of {done.position} lines")


def _print_json(done: Progress, refused: list[Refusal]) -> None:
    counts = {name: getattr(done, name) for name in ("imported", "present", "failed")}
    print_json(
        {"id": str(done.id), "lines": done.position, **counts, "errors": [refusal._asdict() for refusal in refused]}
    )
