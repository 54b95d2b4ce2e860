"""Routers of the admin API: guarded before anything is read, and repeatable by `Idempotency-Key`."""

import re
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Message, Receive

from app.admin.guard import Guard, guard_of
from app.foundation.caller import own_caller
from app.foundation.idempotency.errors import IdempotencyUnsupported, InvalidIdempotencyKey
from app.foundation.idempotency.service import Answer, IdempotentAnswers, KeyedRequest
from app.foundation.principal import Principal
from app.foundation.provide import provided
from app.foundation.routing import Handler, Router, StrictRoute

_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_REPLAYED = ("idempotent-replayed", "true")
_KEY_PARAMETER = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Any text that no other request of yours has: sent again with it, this one gets the first answer "
    "again for 24 hours, and is not done twice.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}


class AdminRoute(StrictRoute):
    """A route with one guard, which is asked before the body is read. Raises ValueError where it has none."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        guard = guard_of(self.dependant)
        extra: dict[str, Any] = {**(self.openapi_extra or {}), "x-required-scope": guard.scope}
        if guard.fresh:
            extra["x-fresh-auth"] = True
        if "POST" in (self.methods or ()) and guard.idempotent:
            extra["parameters"] = [*extra.get("parameters", ()), _KEY_PARAMETER]
        self.openapi_extra = extra

    def get_route_handler(self) -> Handler:
        """The strict handler, behind the guard and, for a POST with a key, behind the answers that are kept."""
        handle = super().get_route_handler()
        guard, route = guard_of(self.dependant), self.path_format

        async def guarded(request: Request) -> Response:
            caller = await own_caller(request, keys=True)
            guard.check(request, caller)
            if request.method != "POST" or "idempotency-key" not in request.headers:
                return await handle(_again(request))
            return await _answer_once(request, caller, guard, route, handle)

        return guarded


class AdminRouter(Router):
    """The routes of one noun, under `/admin/<noun>`."""

    def __init__(self, noun: str) -> None:
        super().__init__(tags=[f"admin: {noun}"], prefix=f"/admin/{noun}")
        self.route_class = AdminRoute


async def _answer_once(request: Request, caller: Principal, guard: Guard, route: str, handle: Handler) -> Response:
    key = _key_of(request)
    if not guard.idempotent:
        raise IdempotencyUnsupported
    await request.body()
    keyed = KeyedRequest(
        caller=caller.sub,
        route=route,
        key=key,
        target=f"{request.url.path}?{request.url.query}",
        body=await request.body(),
    )

    async def perform() -> Answer:
        return _kept(await handle(_again(request)))

    answer = await provided(request.app, IdempotentAnswers).answer(keyed, perform)
    response = Response(answer.body, status_code=answer.status)
    headers = (*answer.headers, _REPLAYED) if answer.replayed else answer.headers
    response.raw_headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    return response


def _key_of(request: Request) -> str:
    given = request.headers.getlist("idempotency-key")
    if len(given) != 1 or _KEY.fullmatch(given[0]) is None:
        raise InvalidIdempotencyKey("One header of 1 to 255 visible ASCII characters.")
    return given[0]


def _kept(response: Response) -> Answer:
    if isinstance(response, StreamingResponse):
        raise TypeError("a streamed answer cannot be kept: the route's guard must say idempotent=False")
    headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in response.raw_headers)
    return Answer(status=response.status_code, headers=headers, body=bytes(response.body))


def _again(request: Request) -> Request:
    """The request for whoever reads its body next, who gets what has been read of it already."""
    read: bytes | None = getattr(request, "_body", None)
    return request if read is None else Request(request.scope, _replay(read, request.receive))


def _replay(content: bytes, receive: Receive) -> Receive:
    given = False

    async def replayed() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": content, "more_body": False}

    return replayed
