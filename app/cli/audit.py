"""`audit`: who did what, when, and from where."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, BinaryIO
from uuid import UUID

import typer

from app.audit.event import Outcome
from app.audit.export import ExportFormat, as_json, lines
from app.audit.history import PastEntry
from app.audit.search import AuditFilter
from app.cli.context import opened
from app.cli.operator import Acting, explained
from app.cli.options import AsJson, DataDir
from app.cli.printing import print_columns, print_done, print_facts, print_json
from app.cli.progress import Progress, progress
from app.cli.terminal import printable
from app.foundation.clock import rfc3339
from app.foundation.errors import ServiceError

app = typer.Typer(no_args_is_help=True, help="The audit log: who did what, when, and from where.")

_STEP = 1000
_TIMES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S"]

OfActor = Annotated[str | None, typer.Option("--actor", metavar="ID", help="Who acted.", show_default=False)]
OfSubject = Annotated[
    str | None, typer.Option("--subject", metavar="SUB", help="To whom it happened.", show_default=False)
]
OfType = Annotated[str | None, typer.Option("--type", metavar="T", help="Such as login.failed.", show_default=False)]
OfOutcome = Annotated[Outcome | None, typer.Option("--outcome", show_default=False)]
OfAddress = Annotated[str | None, typer.Option("--ip", metavar="IP", help="From where.", show_default=False)]
OfTrace = Annotated[str | None, typer.Option("--trace-id", metavar="ID", help="Of one request.", show_default=False)]
Since = Annotated[
    datetime | None, typer.Option("--from", formats=_TIMES, help="Not before then (UTC).", show_default=False)
]
Until = Annotated[datetime | None, typer.Option("--to", formats=_TIMES, help="Before then (UTC).", show_default=False)]


@app.command("list")
def list_entries(  # noqa: PLR0917 — typer hands them over by name
    actor: OfActor = None,
    subject: OfSubject = None,
    kind: OfType = None,
    outcome: OfOutcome = None,
    ip: OfAddress = None,
    trace_id: OfTrace = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, typer.Option(min=1, max=200)] = 50,
    before: Annotated[UUID | None, typer.Option(help="Go on before this entry.", show_default=False)] = None,
    data_dir: DataDir = None,
    as_json_text: AsJson = False,
) -> None:
    """Show entries, newest first. That you looked is written too.

    Example: auth-service audit list --type login.failed --from 2026-11-01
    """
    wanted = _filter(actor, subject, kind, outcome, ip, trace_id, since, until)
    acting = Acting()

    async def work() -> list[PastEntry]:
        async with opened(data_dir) as services:
            return await services.audit_search.list(
                wanted, before=before, limit=limit, actor=acting.actor, origin=acting.origin
            )

    with explained():
        found = asyncio.run(work())
    if as_json_text:
        print_json([as_json(entry) for entry in found])
        return
    rows = [
        (
            rfc3339(entry.at),
            entry.type,
            entry.outcome.value,
            f"{entry.actor_kind.value} {entry.actor_id or ''}".strip(),
            entry.subject or "-",
            entry.ip or "-",
            str(entry.id),
        )
        for entry in found
    ]
    print_columns(("AT", "TYPE", "OUTCOME", "ACTOR", "SUBJECT", "IP", "ID"), rows)


@app.command("show")
def show(
    entry_id: Annotated[UUID, typer.Argument(metavar="ID", show_default=False)],
    data_dir: DataDir = None,
    as_json_text: AsJson = False,
) -> None:
    """Show one entry with all that it says.

    Example: auth-service audit show 019aa5b0-3c1f-7d2e-8b7a-2f4f1c0d9e11
    """
    acting = Acting()

    async def work() -> PastEntry:
        async with opened(data_dir) as services:
            return await services.audit_search.get(entry_id, actor=acting.actor, origin=acting.origin)

    with explained():
        shown = as_json(asyncio.run(work()))
    if as_json_text:
        print_json(shown)
        return
    print_facts(_flat(shown), width=12)


@app.command("export")
def export(  # noqa: PLR0917 — typer hands them over by name
    form: Annotated[ExportFormat, typer.Option("--format", help="NDJSON, or CSV for spreadsheets.")] = (
        ExportFormat.NDJSON
    ),
    output: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help="A new file; without it: standard output.")
    ] = None,
    actor: OfActor = None,
    subject: OfSubject = None,
    kind: OfType = None,
    outcome: OfOutcome = None,
    ip: OfAddress = None,
    trace_id: OfTrace = None,
    since: Since = None,
    until: Until = None,
    data_dir: DataDir = None,
    as_json_text: Annotated[bool, typer.Option("--json", help="With --output: print the count as JSON.")] = False,
) -> None:
    """Write entries, oldest first, as a stream: any number, in little memory. That you took them is written too.

    Example: auth-service audit export --format csv --from 2026-11-01 --output november.csv
    """
    wanted = _filter(actor, subject, kind, outcome, ip, trace_id, since, until)
    acting = Acting()

    async def work(file: BinaryIO) -> int:
        async with opened(data_dir) as services:
            entries = await services.audit_search.export(
                wanted, form=form.value, actor=acting.actor, origin=acting.origin
            )
            with progress("exporting", beside_output=output is None) as bar:
                return await _write(entries, form, file, bar)

    with explained():
        if output is None:
            asyncio.run(work(sys.stdout.buffer))
            return
        try:
            file = output.open("xb")
        except OSError as error:
            raise typer.BadParameter(f"{output}: {error.strerror}") from error
        written = _into(file, output, work)
    print_done(f"{written} entries written to {output}", {"entries": written}, as_json=as_json_text)


@app.command("erase")
def erase(
    subject: Annotated[str, typer.Argument(metavar="SUB", help="The person's sub.", show_default=False)],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data_dir: DataDir = None,
    as_json_text: AsJson = False,
) -> None:
    """Take address, user agent and details out of every entry about a person. It cannot be undone.

    The entries stay, and the chain verifies as before. Deleting an account does this by itself.

    Example: auth-service audit erase 5b0f0d8e-6c0e-4a51-9e6f-0c1c0e9b7a11 --yes
    """
    if not yes:
        typer.confirm(f"Erase {printable(subject)} from the log? It cannot be undone.", abort=True)
    acting = Acting()

    async def work() -> int:
        async with opened(data_dir) as services:
            return await services.audit_erasure.erase_now(subject, actor=acting.actor, origin=acting.origin)

    with explained():
        erased = asyncio.run(work())
    values = {"subject": subject, "entries": erased}
    print_done(f"erased what was personal in {erased} entries", values, as_json=as_json_text)


async def _write(entries: AsyncIterator[PastEntry], form: ExportFormat, file: BinaryIO, bar: Progress) -> int:
    """Write entries into a file and say how far it is; return how many."""
    written = 0

    async def counted() -> AsyncIterator[PastEntry]:
        nonlocal written
        async for entry in entries:
            written += 1
            if written % _STEP == 0:
                bar.advance(_STEP)
            yield entry

    async for piece in lines(counted(), form):
        file.write(piece)
    file.flush()
    return written


def _into(file: BinaryIO, output: Path, work: Callable[[BinaryIO], Coroutine[object, object, int]]) -> int:
    """Fill a new file, or leave none behind: part of an export looks like a whole one."""
    whole = False
    try:
        with file:
            written = asyncio.run(work(file))
        whole = True
    except OSError as error:
        raise ServiceError(f"{output}: {error.strerror}") from error
    finally:
        if not whole:
            output.unlink(missing_ok=True)
    return written


def _filter(  # noqa: PLR0917 — one for each option
    actor: str | None,
    subject: str | None,
    kind: str | None,
    outcome: Outcome | None,
    ip: str | None,
    trace_id: str | None,
    since: datetime | None,
    until: datetime | None,
) -> AuditFilter:
    return AuditFilter(
        actor=actor,
        subject=subject,
        type=kind,
        outcome=outcome,
        ip=ip,
        trace_id=trace_id,
        since=None if since is None else since.replace(tzinfo=UTC),
        until=None if until is None else until.replace(tzinfo=UTC),
    )


def _flat(shown: dict[str, object]) -> list[tuple[str, str]]:
    found = []
    for name, value in shown.items():
        if isinstance(value, dict):
            found += [(f"{name}.{part}", str(each)) for part, each in value.items() if each is not None]
        elif value is not None:
            found.append((name, str(value)))
    return found
