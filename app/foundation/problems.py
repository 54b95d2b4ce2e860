"""How every refusal looks on the wire: one renderer for problem documents, one for OAuth's errors.

A problem's `type` is `urn:auth-service:problem:<code>`: the same at every deployment, so that a client may compare
it, and never a dead link. Clients switch on `code`. Spec: RFC 9457, RFC 6749 §5.2, RFC 6750 §3.
"""

import json
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any

from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import compile_path
from starlette.types import Scope

from app.foundation.errors import NotAuthenticated, ServiceError, Unprocessable
from app.foundation.metrics import FROM_CODE, Counter
from app.foundation.oauth_errors import OAuthError, oauth_code, speaks_oauth
from app.foundation.validation import request_faults

PROBLEM_TYPE = "application/problem+json"
_NOT_QUOTABLE = re.compile(r"[^\x20-\x21\x23-\x5b\x5d-\x7e]")

_logger = logging.getLogger(__name__)

_REFUSALS = Counter("refusals", "Requests that were refused, by stable code.", unit="requests", code=FROM_CODE)

REFUSALS = (ServiceError, HTTPException, RequestValidationError, ClientDisconnect)
"""The exceptions that `render` answers; anything else is a fault of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What an answer says, whichever exception it came from and whichever form it takes."""

    status: int
    code: str
    title: str
    description: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    extensions: Mapping[str, object] = field(default_factory=dict)


ErrorPage = Callable[[Scope, Refusal], Response]


def show_errors_by(app: Starlette, error_page: ErrorPage) -> None:
    """From now on refusals are answered to readers by `error_page`."""
    app.state.error_page = error_page


def name_metadata(app: Starlette, address: str) -> None:
    """From now on challenges say where it stands what this service is as a resource. Spec: RFC 9728 §5.1."""
    app.state.resource_metadata = address


def render(scope: Scope, error: Exception) -> Response:
    """The answer to one of `REFUSALS`, in the form that the path speaks. Notes the code for the access log."""
    refusal = _refusal(scope, error)
    state = scope.setdefault("state", {})
    state["problem"] = refusal.code
    _REFUSALS.add(refusal.code)
    state["problem_detail"] = error.detail if isinstance(error, ServiceError) else None
    if refusal.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        _logger.error("a use case failed: %s", error, exc_info=error)
    page = _page(scope, refusal)
    if page is not None:
        return page
    if isinstance(error, OAuthError) or speaks_oauth(scope["path"]):
        code = refusal.code if isinstance(error, OAuthError) else oauth_code(refusal.code, refusal.status)
        return oauth_problem(refusal, code, trace_id_of(scope))
    return problem(_with_metadata(scope, refusal), trace_id_of(scope))


def _with_metadata(scope: Scope, refusal: Refusal) -> Refusal:
    challenge = refusal.headers.get("WWW-Authenticate", "")
    address = getattr(getattr(scope.get("app"), "state", None), "resource_metadata", None)
    if address is None or challenge.partition(" ")[0] != "Bearer":
        return refusal
    mark = "," if " " in challenge else ""
    named = f'{challenge}{mark} resource_metadata="{address}"'
    return replace(refusal, headers={**refusal.headers, "WWW-Authenticate": named})


async def render_refusal(request: Request, error: Exception) -> Response:
    """`render` in the shape of an exception handler."""
    return render(request.scope, error)


def problem(refusal: Refusal, trace_id: str) -> Response:
    """A problem document. Spec: RFC 9457 §3."""
    members = {
        "type": f"urn:auth-service:problem:{refusal.code}",
        "title": refusal.title,
        "status": refusal.status,
        "detail": refusal.description or refusal.title,
        "code": refusal.code,
        "trace_id": trace_id,
    }
    # The standard members come first and no extension takes their place.
    body = {**members, **refusal.extensions, **members}
    return _json(refusal.status, body, dict(refusal.headers), PROBLEM_TYPE)


def oauth_problem(refusal: Refusal, code: str, trace_id: str) -> Response:
    """An error of OAuth's. Spec: RFC 6749 §5.2."""
    words = quotable(refusal.description or refusal.title)
    headers = {**refusal.headers, "Cache-Control": "no-store", "Pragma": "no-cache"}
    members = {"error": code, "error_description": words, "trace_id": trace_id}
    return _json(refusal.status, {**refusal.extensions, **members}, headers, "application/json")


def internal_error(scope: Scope) -> Response:
    """The answer to an exception that nobody expected: a trace id and no internals."""
    scope.setdefault("state", {})["problem"] = ServiceError.code
    _REFUSALS.add(ServiceError.code)
    refusal = refusal_of(ServiceError())
    page = _page(scope, refusal)
    if page is not None:
        return page
    if speaks_oauth(scope["path"]):
        return oauth_problem(refusal, oauth_code(refusal.code, refusal.status), trace_id_of(scope))
    return problem(refusal, trace_id_of(scope))


def trace_id_of(scope: Scope) -> str:
    """The trace id that the edge gave this request."""
    origin = scope.get("state", {}).get("origin")
    return origin.trace_id if origin is not None else ""


def _page(scope: Scope, refusal: Refusal) -> Response | None:
    """The refusal as a page where a reader asks: on the routes of pages, and for a GET that wants HTML above all."""
    state = getattr(scope.get("app"), "state", None)
    error_page: ErrorPage | None = getattr(state, "error_page", None)
    if error_page is None or not (scope["state"].get("page") or _wants_page(scope)):
        return None
    return error_page(scope, refusal)


def _wants_page(scope: Scope) -> bool:
    """Whether this is a browser that goes to an address. Clients of the API do not ask for HTML, or for JSON too."""
    if scope["method"] != "GET":
        return False
    accept = b",".join(value for name, value in scope["headers"] if name == b"accept").lower()
    wanted = {media_range.partition(b";")[0].strip() for media_range in accept.split(b",")}
    return b"text/html" in wanted and not any(b"json" in kind for kind in wanted)


def quotable(words: str) -> str:
    """Words within the characters that RFC 6749 §5.2 and RFC 6750 §3 allow in a description."""
    return _NOT_QUOTABLE.sub(" ", words)


def _json(status: int, members: Mapping[str, object], headers: dict[str, str], media_type: str) -> Response:
    body = json.dumps(members, separators=(",", ":"))
    return Response(body, status_code=status, headers=headers, media_type=media_type)


def _refusal(scope: Scope, error: Exception) -> Refusal:
    match error:
        case ServiceError():
            return refusal_of(error)
        case RequestValidationError():
            kind, faults = Unprocessable, request_faults(error.errors())
            return Refusal(
                status=kind.status,
                code=kind.code,
                title=kind.title,
                description="Some values are not right.",
                extensions={"errors": faults},
            )
        case HTTPException(status_code=HTTPStatus.NOT_FOUND):
            return Refusal(status=404, code="not_found", title="There is nothing at this address")
        case HTTPException(status_code=HTTPStatus.METHOD_NOT_ALLOWED):
            allow = {"Allow": allowed_methods(scope)}
            return Refusal(status=405, code="method_not_allowed", title="Not a method of this address", headers=allow)
        case HTTPException():
            # What the framework itself refuses is told by its status alone: its words are not ours.
            status = HTTPStatus(error.status_code)
            code = re.sub(r"\W+", "_", status.phrase.lower())
            return Refusal(status=status, code=code, title=status.phrase, headers=dict(error.headers or {}))
        case _:
            # The caller hung up before the request was whole; nobody reads this.
            return Refusal(status=400, code="client_disconnected", title="The request broke off")


def refusal_of(error: ServiceError) -> Refusal:
    """What a service refused, with the headers that its kind needs."""
    headers = dict(error.headers)
    if isinstance(error, NotAuthenticated):
        headers.setdefault("WWW-Authenticate", _challenge(error))
    if error.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers.setdefault("Retry-After", "1")
    return Refusal(
        status=error.status,
        code=error.code,
        title=error.title,
        description=error.description,
        headers=headers,
        extensions=error.extensions,
    )


def _challenge(error: NotAuthenticated) -> str:
    """Without a token the bare scheme, with a bad one the reason. Spec: RFC 6750 §3.1."""
    if error.challenge != "Bearer" or error.code != "invalid_token":
        return error.challenge
    return f'Bearer error="invalid_token", error_description="{quotable(error.description or error.title)}"'


def allowed_methods(scope: Scope) -> str:
    """The value of `Allow` for a path: all that its routes take together, and HEAD wherever GET is."""
    app: Starlette = scope["app"]
    table: list[tuple[re.Pattern[str], set[str]]] | None = getattr(app.state, "methods_by_path", None)
    if table is None:
        contexts = [context for context in iter_route_contexts(app.routes) if context.path and context.methods]
        table = [(compile_path(context.path or "")[0], set(context.methods or ())) for context in contexts]
        app.state.methods_by_path = table
    methods: set[str] = set()
    for pattern, taken in table:
        if pattern.match(scope["path"]):
            methods |= taken
    if "GET" in methods:
        methods.add("HEAD")
    return ", ".join(sorted(methods))


def problem_schema() -> dict[str, Any]:
    """The answer to any refusal, as OpenAPI describes it."""
    text = {"type": "string"}
    fault = {"type": "object", "properties": {"pointer": text, "detail": text, "parameter": text}}
    names = ("type", "title", "detail", "code", "trace_id")
    schema = {
        "type": "object",
        "title": "Problem",
        "properties": {
            **dict.fromkeys(names, text),
            "status": {"type": "integer"},
            "errors": {"type": "array", "items": fault},
        },
        "required": [*names, "status"],
    }
    return {"description": "A refusal (RFC 9457)", "content": {PROBLEM_TYPE: {"schema": schema}}}


def oauth_error_schema() -> dict[str, Any]:
    """The answer to a refusal of OAuth's, as OpenAPI describes it."""
    names = ("error", "error_description", "trace_id")
    properties = {name: {"type": "string"} for name in names}
    schema = {"type": "object", "title": "OAuthError", "properties": properties, "required": [*names]}
    return {"description": "A refusal (RFC 6749 §5.2)", "content": {"application/json": {"schema": schema}}}
