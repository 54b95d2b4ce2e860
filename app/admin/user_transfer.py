"""`/admin/users/import`, `/imports` and `/export`: users in bulk, as streams of JSON lines."""

from collections.abc import AsyncIterator
from typing import Annotated, ClassVar
from uuid import UUID

from fastapi import Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from starlette.requests import ClientDisconnect, Request

from app.admin.guard import requires
from app.admin.routing import AdminRouter
from app.foundation.body import UnsupportedMediaType
from app.foundation.caller import RequestOrigin
from app.foundation.clock import rfc3339
from app.foundation.errors import BadRequest
from app.foundation.pagination import Cursors, Paging
from app.foundation.principal import InsufficientScope, Principal
from app.foundation.provide import provide
from app.lifecycle.administration import actor_of
from app.transfer.export import UserExport
from app.transfer.imports import By, UserImports
from app.transfer.lines import split
from app.transfer.progress import Progress

router = AdminRouter("users")

IMPORT_PATH = "/admin/users/import"
NDJSON = "application/x-ndjson"
HASHES = "admin:password-hashes:read"

Imports = Annotated[UserImports, provide(UserImports)]
Reader = Annotated[Principal, requires("admin:users:read")]
_LINES = {"requestBody": {"required": True, "content": {NDJSON: {"schema": {"type": "string"}}}}}


class BrokenOff(BadRequest):
    """The stream ended before its end. What had been read is imported."""

    code: ClassVar[str] = "stream_broken_off"
    title: ClassVar[str] = "The stream broke off"


class ImportBody(BaseModel):
    """How far an import has come. `errors` of its lines are a list of their own."""

    id: str
    lines: int
    imported: int
    present: int
    failed: int
    created_at: str
    finished_at: str | None

    @classmethod
    def of(cls, progress: Progress) -> "ImportBody":
        """The import as JSON."""
        return cls(
            id=str(progress.id),
            lines=progress.position,
            imported=progress.imported,
            present=progress.present,
            failed=progress.failed,
            created_at=rfc3339(progress.created_at),
            finished_at=rfc3339(progress.finished_at),
        )


class ImportErrorBody(BaseModel):
    """A line that was refused, and why. Nothing of the line is quoted."""

    line: int
    code: str
    detail: str


class ImportErrorPage(BaseModel):
    """Refused lines in their order; `next` is the cursor of the page after this one."""

    items: list[ImportErrorBody]
    next: str | None


@router.post("/import", summary="Make users of a stream of lines", openapi_extra=_LINES)
async def import_users(
    request: Request,
    imports: Imports,
    caller: Annotated[Principal, requires("admin:users:write", fresh=True, idempotent=False)],
    origin: RequestOrigin,
    import_id: Annotated[
        UUID | None, Query(description="Of your making: sent again with it, the stream goes on")
    ] = None,
) -> ImportBody:
    """Each line of the body is a user as a JSON object of at most 64 kB; the body has no limit.

    Broken lines are refused and the others imported. Who is there already stays as they are. Roles and groups in the
    lines need `admin:roles:write` too, and rights over this service only come from whoever holds them.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != NDJSON:
        raise UnsupportedMediaType(f"The body must be {NDJSON}.")
    may_give = caller.scopes if "admin:roles:write" in caller.scopes else None
    by = By(actor=actor_of(caller), origin=origin, may_give=may_give)
    return ImportBody.of(await imports.run(split(_chunks(request)), by=by, import_id=import_id))


@router.get("/imports/{import_id}", summary="How far an import has come")
async def show_import(import_id: UUID, imports: Imports, caller: Reader) -> ImportBody:  # noqa: ARG001 — the guard
    """Counts so far; `finished_at` is null while it is under way, or since it broke off."""
    return ImportBody.of(await imports.show(import_id))


@router.get("/imports/{import_id}/errors", summary="The lines that an import refused")
async def list_import_errors(
    import_id: UUID,
    imports: Imports,
    caller: Reader,
    paging: Paging,
    cursors: Annotated[Cursors, provide(Cursors)],
) -> ImportErrorPage:
    """In the order of the lines, each with a code and words."""
    bound_to = ("import errors", caller.sub, str(import_id))
    position = cursors.position(paging, bound_to=bound_to)
    after = 0 if position is None else int(position[0])
    rows = await imports.refusals(import_id, after=after, limit=paging.limit + 1)
    page = cursors.page(rows, paging, position_of=lambda row: (str(row.line),), bound_to=bound_to)
    return ImportErrorPage(items=[ImportErrorBody(**row._asdict()) for row in page.items], next=page.next)


@router.get("/export", summary="Every user as a line of JSON", response_class=StreamingResponse)
async def export_users(
    *,
    export: Annotated[UserExport, provide(UserExport)],
    caller: Annotated[Principal, requires("admin:users:read", fresh=True)],
    origin: RequestOrigin,
    with_hashes: Annotated[bool, Query(description=f"With the hashes of passwords; needs {HASHES}")] = False,
) -> StreamingResponse:
    """Sent as it is read, in the form that an import takes. No secret comes along; hashes only on demand."""
    if with_hashes and HASHES not in caller.scopes:
        raise InsufficientScope(HASHES)
    headers = {"Content-Disposition": 'attachment; filename="users.ndjson"', "Cache-Control": "no-store"}
    pieces = await export.begin(with_hashes=with_hashes, actor=actor_of(caller), origin=origin)
    return StreamingResponse(pieces, media_type=NDJSON, headers=headers)


async def _chunks(request: Request) -> AsyncIterator[bytes]:
    try:
        async for chunk in request.stream():
            yield chunk
    except ClientDisconnect:
        raise BrokenOff("Send it again with the same `import_id`.") from None
