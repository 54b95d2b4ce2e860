"""A small application within the real edge, and ways to call it."""

from typing import Annotated, Any

import httpx2
from fastapi import Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from app.foundation.body import Body, read_json
from app.foundation.client_address import ClientAddresses
from app.foundation.cors import CORS
from app.foundation.errors import NotAuthenticated, TooManyRequests, Unavailable, Unprocessable
from app.foundation.middleware import EdgePolicy
from app.foundation.oauth_errors import InvalidClient, InvalidGrant
from app.foundation.routing import Router
from app.main import Application

SECRET = "hunter2-never-shown"


class InvalidToken(NotAuthenticated):
    """As a feature declares it."""

    code, title = "invalid_token", "This token is not accepted"


class Inner(Body):
    """A nested schema."""

    count: int = Field(ge=1, le=9)


class Thing(Body):
    """What the routes read."""

    name: str = Field(max_length=64)
    flag: bool = False
    inner: Inner | None = None
    items: list[str] = Field(default=[], max_length=8)


class FlatThing(Body):
    """What the hot endpoint reads."""

    name: str = Field(max_length=64)
    flag: bool = False


router = Router(tags=["probe"])


@router.post("/things")
async def make_thing(body: Thing) -> dict[str, Any]:
    return body.model_dump()


@router.post("/optional")
async def may_read(body: Thing | None = None) -> dict[str, Any]:
    return {"given": body is not None}


@router.get("/things")
async def list_things(limit: Annotated[int, Query(ge=1, le=200)] = 50) -> dict[str, int]:
    return {"limit": limit}


@router.hot("POST", "/hot", summary="A hot endpoint", body=FlatThing)
async def hot(request: Request) -> Response:
    body = await read_json(request, FlatThing)
    return JSONResponse(body.model_dump())


@router.get("/origin")
async def origin(request: Request) -> dict[str, Any]:
    found = request.scope["state"]["origin"]
    return {"ip": found.ip, "user_agent": found.user_agent, "trace_id": found.trace_id}


@router.post("/header-names")
async def header_names(request: Request) -> list[str]:
    await request.body()
    return sorted(request.headers.keys())


@router.get("/boom")
async def boom() -> None:
    raise RuntimeError(SECRET)


@router.hot("GET", "/hot-boom", summary="A hot endpoint that breaks")
async def hot_boom(_: Request) -> Response:
    raise RuntimeError(SECRET)


@router.get("/no-token")
async def no_token() -> None:
    raise NotAuthenticated


@router.get("/bad-token")
async def bad_token() -> None:
    raise InvalidToken('The token "x" has expired.', detail=SECRET)


@router.get("/busy")
async def busy() -> None:
    raise Unavailable(retry_after_seconds=3)


@router.get("/often")
async def often() -> None:
    raise TooManyRequests(retry_after_seconds=30)


@router.get("/weak")
async def weak() -> None:
    raise Unprocessable("Choose another.", faults=[("/password", "This is too short.")])


@router.get("/kept")
async def kept() -> Response:
    headers = {"Cache-Control": "public, max-age=240", "Access-Control-Allow-Origin": "*"}
    return JSONResponse({}, headers=headers)


class InPieces(Response):
    """An answer with a length whose body comes in two pieces."""

    async def __call__(self, _: Scope, __: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
        await send({"type": "http.response.body", "body": b"ab", "more_body": True})
        await send({"type": "http.response.body", "body": b"cd"})


@router.get("/pieces")
async def pieces() -> Response:
    return InPieces()


@router.get("/two-headers-in-one")
async def two_headers_in_one() -> Response:
    return Response(b"abcd", headers={"X-One": "1\r\nX-Two: 2"})


@router.get("/oauth/grant")
async def grant() -> None:
    raise InvalidGrant('The "code" was used.')


@router.get("/oauth/client")
async def failing_client() -> None:
    raise InvalidClient


@router.get("/oauth/boom")
async def oauth_boom() -> None:
    raise RuntimeError(SECRET)


def policy(*, trusted: tuple[Any, ...] = (), origins: tuple[str, ...] = (), https: bool = True) -> EdgePolicy:
    return EdgePolicy(addresses=ClientAddresses(trusted), cors=CORS(origins), https=https)


def application(edge_policy: EdgePolicy | None = None) -> Application:
    return Application(router, policy=edge_policy or policy())


def client(app: Application | None = None, *, peer: tuple[str, int] = ("192.0.2.9", 1234)) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app or application(), client=peer)
    return httpx2.AsyncClient(transport=transport, base_url="https://auth.example.com")


def problem(answer: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    """The problem body of a refusal, checked to have the one shape."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["code"] == code, body
    assert body["status"] == status
    assert body["type"] == f"urn:auth-service:problem:{code}"
    assert body["title"]
    assert body["detail"]
    assert body["trace_id"] == answer.headers["x-trace-id"]
    return body
