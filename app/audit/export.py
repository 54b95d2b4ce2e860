"""Entries as lines: NDJSON, and CSV that no spreadsheet takes for a formula."""

import csv
import io
import json
from collections.abc import AsyncIterator, Mapping
from enum import StrEnum

from app.audit.history import PastEntry
from app.foundation.clock import rfc3339

COLUMNS = (
    "id",
    "at",
    "type",
    "outcome",
    "actor_kind",
    "actor_id",
    "subject",
    "ip",
    "user_agent",
    "trace_id",
    "details",
    "number",
    "erased",
)
_LINES_AT_ONCE = 100
# A cell that begins so is run by spreadsheets. Spec: OWASP, CSV Injection.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001 — wide forms are run too


class ExportFormat(StrEnum):
    """How an export is written."""

    NDJSON = "ndjson"
    CSV = "csv"

    @property
    def media_type(self) -> str:
        """As Content-Type says it."""
        return "application/x-ndjson" if self is ExportFormat.NDJSON else "text/csv; charset=utf-8"


def as_json(entry: PastEntry) -> dict[str, object]:
    """An entry as JSON shows it, everywhere."""
    return {
        "id": str(entry.id),
        "at": rfc3339(entry.at),
        "type": entry.type,
        "outcome": entry.outcome.value,
        "actor": {"kind": entry.actor_kind.value, "id": entry.actor_id},
        "subject": entry.subject,
        "ip": entry.ip,
        "user_agent": entry.user_agent,
        "trace_id": entry.trace_id,
        "details": dict(entry.details),
        "number": entry.number,
        "erased": entry.is_erased,
    }


async def lines(entries: AsyncIterator[PastEntry], form: ExportFormat) -> AsyncIterator[bytes]:
    """The export, in pieces of some hundred lines."""
    written = io.StringIO(newline="")
    if form is ExportFormat.CSV:
        csv.writer(written, lineterminator="\r\n").writerow(COLUMNS)
    held = 0
    async for entry in entries:
        _write(written, entry, form)
        held += 1
        if held == _LINES_AT_ONCE:
            yield written.getvalue().encode()
            written, held = io.StringIO(newline=""), 0
    if written.tell():
        yield written.getvalue().encode()


def _write(written: io.StringIO, entry: PastEntry, form: ExportFormat) -> None:
    if form is ExportFormat.NDJSON:
        # Escaped, so that no terminal is told anything by what a stranger typed.
        written.write(json.dumps(as_json(entry), separators=(",", ":")) + "\n")
        return
    shown = as_json(entry)
    flat: Mapping[str, object] = {
        **shown,
        "actor_kind": entry.actor_kind.value,
        "actor_id": entry.actor_id,
        "details": json.dumps(shown["details"]),
        "erased": "true" if entry.is_erased else "false",
    }
    csv.writer(written, lineterminator="\r\n").writerow([_cell(flat[column]) for column in COLUMNS])


def _cell(value: object) -> str:
    """A cell's text. One that a spreadsheet would run begins with an apostrophe, which it shows as text."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.lstrip().startswith(_FORMULA) or text.startswith(_FORMULA) else text
