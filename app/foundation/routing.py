"""Routers whose routes read bodies strictly, and which know their hot endpoints."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from fastapi import APIRouter, params
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from app.foundation.body import MissingBody, StrictRequest, read_value
from app.foundation.caller import refuse_forged, takes_caller
from app.foundation.problems import problem_schema

HotEndpoint = Callable[[Request], Awaitable[Response]]
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class StrictRoute(APIRoute):
    """A FastAPI route whose declared JSON body goes through the one reader."""

    def get_route_handler(self) -> Handler:
        """FastAPI's handler behind the strict reader; FastAPI's own where the route takes no JSON body."""
        handle = super().get_route_handler()
        field = self.body_field
        if field is None or isinstance(field.field_info, params.Form):
            return _forgeries_first(handle) if takes_caller(self.dependant) else handle
        required = field.field_info.is_required()
        guarded = takes_caller(self.dependant)

        async def read_and_handle(request: Request) -> Response:
            strict = StrictRequest(request.scope, request.receive)
            if guarded:
                await refuse_forged(strict)
            try:
                strict.strict_value = await read_value(strict)
            except MissingBody:
                if required:
                    raise
            return await handle(strict)

        return read_and_handle


def _forgeries_first(handle: Handler) -> Handler:
    """FastAPI reads a form before any dependency runs: what another site sent shall not come so far."""

    async def check_and_handle(request: Request) -> Response:
        await refuse_forged(request)
        return await handle(request)

    return check_and_handle


class Router(APIRouter):
    """A feature's routes. `hot_endpoints` are those that are looked up ahead of FastAPI, by method and path."""

    def __init__(self, *, tags: list[str], prefix: str = "") -> None:
        super().__init__(prefix=prefix, tags=[*tags], route_class=StrictRoute, responses={"default": problem_schema()})
        self.hot_endpoints: dict[tuple[str, str], HotEndpoint] = {}

    def hot(
        self,
        method: str,
        path: str,
        *,
        summary: str,
        body: type[BaseModel] | None = None,
        answer: Any = None,
        status: int = 200,
        openapi_extra: dict[str, Any] | None = None,
    ) -> Callable[[HotEndpoint], HotEndpoint]:
        """Register `async def endpoint(request) -> Response` as a route, and to be served ahead of FastAPI.

        It reads its body by `read_json`; `body`, `answer` and `status` only describe it in OpenAPI. `path` has no
        parameters.
        """

        def register(endpoint: HotEndpoint) -> HotEndpoint:
            described = {**(_request_body(body) if body is not None else {}), **(openapi_extra or {})}
            self.add_api_route(
                path,
                endpoint,
                methods=[method],
                summary=summary,
                response_model=answer,
                status_code=status,
                openapi_extra=described,
            )
            self.hot_endpoints[method, self.prefix + path] = endpoint
            return endpoint

        return register


def _request_body(schema: type[BaseModel]) -> dict[str, Any]:
    described = schema.model_json_schema(ref_template="#/components/schemas/{model}")
    if "$defs" in described:
        raise ValueError(f"{schema.__name__} is nested: a hot body is flat, so that OpenAPI can hold it in one piece")
    return {
        "requestBody": {"required": "required" in described, "content": {"application/json": {"schema": described}}}
    }
