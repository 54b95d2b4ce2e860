"""`GET /auth/revocations`: the feed, as server-sent events or by long poll."""

import re
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app.clients.authenticate import ClientAuthentication
from app.clients.rules import ServiceScope
from app.foundation.caller import origin_of
from app.foundation.draining import Drain
from app.foundation.errors import InvalidCursor, Unprocessable
from app.foundation.provide import provided
from app.foundation.routing import Router
from app.signals.document import BatchDocument
from app.signals.schemas import Batches
from app.signals.service import MAX_WAIT_SECONDS, RevocationBatches
from app.signals.stream import BatchStream

router = Router(tags=["revocations"])

_WAIT = re.compile(r"\d{1,2}(?:\.\d{1,3})?")
_NO_QUALITY = re.compile(r"q\s*=\s*0(?:\.0{0,3})?")
_EVENT_STREAM = "text/event-stream"
_PARAMETERS: dict[str, Any] = {
    "parameters": [
        {
            "name": "after",
            "in": "query",
            "required": False,
            "description": "`cursor` of the last answer, or `id` of the last event; without it a snapshot comes first.",
            "schema": {"type": "string", "maxLength": 52},
        },
        {
            "name": "wait",
            "in": "query",
            "required": False,
            "description": "How many seconds to wait for news in JSON.",
            "schema": {"type": "number", "minimum": 0, "maximum": MAX_WAIT_SECONDS, "default": 0},
        },
        {"name": "Last-Event-ID", "in": "header", "required": False, "schema": {"type": "string", "maxLength": 52}},
    ]
}


@router.hot(
    "GET",
    "/auth/revocations",
    summary="What must be refused from now on",
    answer=Batches,
    openapi_extra=_PARAMETERS,
)
async def revocations(request: Request) -> Response:
    """For services, by Basic and with the scope `revocations:read`: the feed of the service's own audience.

    With `Accept: text/event-stream` each event is one signed batch, each second one at least; `id` is its cursor,
    and `Last-Event-ID` continues there. 410 `cursor_expired` asks to begin again without a cursor.
    """
    authentication = provided(request.app, ClientAuthentication)
    client = await authentication.authenticate(request.headers.getlist("authorization"), origin_of(request))
    audience = client.require_service(ServiceScope.REVOCATIONS_READ)
    feed = provided(request.app, RevocationBatches)
    cursor = _cursor_of(request)
    if _EVENT_STREAM in request.headers.get("accept", ""):
        batches = feed.follow(audience, cursor, client_id=client.client_id)
        # Before the answer begins: whatever is refused is refused by a status.
        first = await anext(batches)
        return BatchStream(first, batches, provided(request.app, Drain), gzip=_takes_gzip(request))
    polled = feed.poll(audience, cursor, wait_seconds=_wait_of(request))
    return BatchDocument(await anext(polled), polled, gzip=_takes_gzip(request))


def _takes_gzip(request: Request) -> bool:
    """Whether the follower said that it takes gzip. Spec: RFC 9110 §12.5.3."""
    for item in ",".join(request.headers.getlist("accept-encoding")).split(","):
        name, _, quality = item.partition(";")
        if name.strip().lower() == "gzip":
            return _NO_QUALITY.fullmatch(quality.strip()) is None
    return False


def _cursor_of(request: Request) -> str | None:
    """Where the follower stands. A stream that is taken up again says it by header, which is newer than its URL."""
    given = request.headers.getlist("last-event-id") or request.query_params.getlist("after")
    if len(given) > 1:
        raise InvalidCursor
    return given[0] if given else None


def _wait_of(request: Request) -> float:
    given = request.query_params.getlist("wait")
    if not given:
        return 0.0
    if len(given) > 1 or _WAIT.fullmatch(given[0]) is None or float(given[0]) > MAX_WAIT_SECONDS:
        words = f"seconds from 0 to {MAX_WAIT_SECONDS}, once"
        raise Unprocessable(f"wait: {words}.", faults=[("/wait", words)])
    return float(given[0])
