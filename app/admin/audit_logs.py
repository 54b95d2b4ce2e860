"""`/admin/audit-logs`: who did what, when, and from where."""

from collections.abc import Mapping
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Query
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime, BaseModel

from app.admin.acting import actor_of
from app.admin.guard import requires
from app.admin.routing import AdminRouter
from app.audit.event import Outcome
from app.audit.export import ExportFormat, as_json, lines
from app.audit.search import AuditFilter, AuditSearch
from app.foundation.caller import RequestOrigin
from app.foundation.pagination import Cursors, Paging
from app.foundation.principal import Principal
from app.foundation.provide import provide

router = AdminRouter("audit-logs")

_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)

Search = Annotated[AuditSearch, provide(AuditSearch)]
Reader = Annotated[Principal, requires("admin:audit-logs:read")]
Word = Annotated[str | None, Query(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f]*$")]
Moment = Annotated[AwareDatetime | None, Query(ge=_EARLIEST, lt=_LATEST)]


class AuditActor(BaseModel):
    """Who acted: a subject, a client id, or the operator's account on the host."""

    kind: str
    id: str | None


class AuditEntryBody(BaseModel):
    """An entry. `number` is its place in the chain; of one that is `erased`, what was personal was taken away."""

    id: str
    at: str
    type: str
    outcome: str
    actor: AuditActor
    subject: str | None
    ip: str | None
    user_agent: str | None
    trace_id: str
    details: Mapping[str, Any]
    number: int | None
    erased: bool


class AuditEntryPage(BaseModel):
    """Some entries, newest first."""

    items: list[AuditEntryBody]
    next: str | None


async def _filter(
    *,
    actor: Word = None,
    subject: Word = None,
    type: Word = None,  # noqa: A002 — the parameter's name
    outcome: Outcome | None = None,
    ip: IPv4Address | IPv6Address | None = None,
    trace_id: Word = None,
    since: Annotated[Moment, Query(alias="from", description="Not before then")] = None,
    until: Annotated[Moment, Query(alias="to", description="Before then")] = None,
) -> AuditFilter:
    return AuditFilter(
        actor=actor,
        subject=subject,
        type=type,
        outcome=outcome,
        ip=None if ip is None else str(ip),
        trace_id=trace_id,
        since=since,
        until=until,
    )


Wanted = Annotated[AuditFilter, Depends(_filter)]


@router.get("", summary="Search the audit log")
async def search(
    *,
    wanted: Wanted,
    searching: Search,
    caller: Reader,
    origin: RequestOrigin,
    paging: Paging,
    cursors: Annotated[Cursors, provide(Cursors)],
) -> AuditEntryPage:
    """Entries that have all that is asked for, newest first. Each page that you read is an entry itself."""
    bound_to = ("audit-logs", caller.sub, *(f"{name}={value}" for name, value in wanted.given().items()))
    position = cursors.position(paging, bound_to=bound_to)
    rows = await searching.list(
        wanted,
        before=None if position is None else UUID(position[0]),
        limit=paging.limit,
        look_ahead=1,
        actor=actor_of(caller),
        origin=origin,
    )
    page = cursors.page(rows, paging, position_of=lambda row: (str(row.id),), bound_to=bound_to)
    return AuditEntryPage(items=[AuditEntryBody.model_validate(as_json(row)) for row in page.items], next=page.next)


@router.get("/export", summary="Take the audit log away", response_class=StreamingResponse)
async def export(
    wanted: Wanted,
    searching: Search,
    caller: Reader,
    origin: RequestOrigin,
    form: Annotated[ExportFormat, Query(alias="format", description="How it is written")] = ExportFormat.NDJSON,
) -> StreamingResponse:
    """Every entry that was there when you asked, oldest first, sent as it is read: NDJSON, or CSV for spreadsheets.

    An answer that breaks off is cut, and not whole. The export is an entry itself.
    """
    entries = await searching.export(wanted, form=form.value, actor=actor_of(caller), origin=origin)
    headers = {"Content-Disposition": f'attachment; filename="audit-log.{form.value}"', "Cache-Control": "no-store"}
    return StreamingResponse(lines(entries, form), media_type=form.media_type, headers=headers)


@router.get("/{entry_id}", summary="One entry of the audit log")
async def get_entry(entry_id: UUID, searching: Search, caller: Reader, origin: RequestOrigin) -> AuditEntryBody:
    """One entry with all that it says. That you read it is an entry itself."""
    entry = await searching.get(entry_id, actor=actor_of(caller), origin=origin)
    return AuditEntryBody.model_validate(as_json(entry))
