"""The list of routes, and which of them nobody has decided about."""

import json
import subprocess
import sys
from typing import Annotated

import pytest
from fastapi import APIRouter, Depends, FastAPI, WebSocket
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.middleware import Middleware
from starlette.responses import JSONResponse
from starlette.routing import Host, Mount, Route, Router, WebSocketRoute
from starlette.staticfiles import StaticFiles

from auth_service_sdk import (
    Identity,
    JWTAuthMiddleware,
    require_fresh_auth,
    require_permission,
    require_role,
    require_scope,
    require_user,
)
from auth_service_sdk.route_table import table
from auth_service_sdk.routes import words

ARGUMENTS = {"auth_base_url": "https://auth.example.com", "expected_audience": "orders-api"}
admin_only = require_role("admin")


def guard(**options):
    return Middleware(JWTAuthMiddleware, **ARGUMENTS, **options)


def guarded(**options):
    app = FastAPI(openapi_url=None)
    app.add_middleware(JWTAuthMiddleware, **ARGUMENTS, **options)
    return app


def listed(app):
    return {(row.method, row.path): words(row) for row in table(app)}


def undecided(app):
    return [row.path for row in table(app) if not row.is_ruled]


async def nothing():
    return {}


async def endpoint(_request):
    return JSONResponse({})


async def account(user: Annotated[Identity, Depends(require_user)]):
    return user


async def settings():
    return {}


def test_rules_are_shown_as_they_were_written():
    app = guarded()
    app.get("/a", dependencies=[Depends(require_role("admin", "owner"))])(nothing)
    app.post("/b", dependencies=[Depends(require_scope("x:read")), Depends(require_permission("x.y"))])(nothing)
    app.put("/c/{id}", dependencies=[Depends(require_fresh_auth(max_age=60))])(nothing)
    app.get("/d", dependencies=[Depends(require_user)])(nothing)
    app.get("/e", dependencies=[Depends(account), Depends(settings)])(nothing)
    app.get("/f", dependencies=[Depends(settings)])(nothing)
    app.api_route("/g", methods=["GET", "HEAD", "DELETE"])(nothing)
    assert listed(app) == {
        ("GET", "/a"): "require_role('admin', 'owner')",
        ("POST", "/b"): "require_scope('x:read') + require_permission('x.y')",
        ("PUT", "/c/{id}"): "require_fresh_auth(max_age=60)",
        ("GET", "/d"): "require_user",
        ("GET", "/e"): "account(require_user)",
        ("GET", "/f"): "any token",
        ("DELETE", "/g"): "any token",
        ("GET", "/g"): "any token",
    }
    assert undecided(app) == ["/f", "/g", "/g"]


def test_included_routers_pass_their_rules_on():
    inner = APIRouter(prefix="/inner", dependencies=[Depends(require_scope("s"))])
    inner.get("/x")(nothing)
    inner.websocket("/ws")(lambda websocket: None)
    outer = APIRouter(prefix="/outer", dependencies=[Depends(require_role("r"))])
    outer.include_router(inner, prefix="/then")
    outer.get("/y")(nothing)
    app = guarded()
    app.include_router(outer, prefix="/v1", dependencies=[Depends(require_user)])
    app.include_router(inner)
    chain = "require_user + require_role('r')"
    assert listed(app) == {
        ("GET", "/v1/outer/then/inner/x"): f"{chain} + require_scope('s')",
        ("WEBSOCKET", "/v1/outer/then/inner/ws"): f"{chain} + require_scope('s')",
        ("GET", "/v1/outer/y"): chain,
        ("GET", "/inner/x"): "require_scope('s')",
        ("WEBSOCKET", "/inner/ws"): "require_scope('s')",
    }


def test_websocket_routes_are_listed():
    app = guarded()

    @app.websocket("/ruled")
    async def ruled(websocket: WebSocket, user: Annotated[Identity, Depends(require_role("clerk"))]):
        pass

    @app.websocket("/any")
    async def without(websocket: WebSocket):
        pass

    assert listed(app) == {("WEBSOCKET", "/ruled"): "require_role('clerk')", ("WEBSOCKET", "/any"): "any token"}


def test_mounts_are_walked_with_the_guards_on_the_way(tmp_path):
    part = FastAPI(openapi_url=None)
    part.get("/x", dependencies=[Depends(require_user)])(nothing)
    part.get("/open")(nothing)
    part.add_middleware(JWTAuthMiddleware, **ARGUMENTS, public_paths=["/open"])
    routes = [
        Mount("/part", part),
        Mount("/static", StaticFiles(directory=tmp_path)),
        Mount("/group", routes=[Route("/y", endpoint), WebSocketRoute("/ws", endpoint)]),
        Mount("/shut", routes=[Route("/z", endpoint)], middleware=[guard()]),
        Host("api.example.com", Router([Route("/h", endpoint)])),
        Route("/own", endpoint, middleware=[guard(public_paths=["/own"])]),
    ]
    bare = "UNGUARDED: no JWTAuthMiddleware"
    assert listed(Starlette(routes=routes)) == {
        ("GET", "/part/x"): "require_user",
        ("GET", "/part/open"): "PUBLIC",
        ("*", "/static/{path:path}"): bare,
        ("GET", "/group/y"): bare,
        ("WEBSOCKET", "/group/ws"): bare,
        ("GET", "/shut/z"): "any token",
        ("GET", "/h"): bare,
        ("GET", "/own"): "PUBLIC",
    }
    # Behind one more guard, a door that only the inner one opens is shut.
    rows = listed(Starlette(routes=routes, middleware=[guard(public_paths=["/static/*"])]))
    assert rows["GET", "/part/open"] == rows["GET", "/own"] == rows["GET", "/group/y"] == "any token"
    assert rows["*", "/static/{path:path}"] == "PUBLIC"


def test_wrapped_application_is_listed():
    app = FastAPI(openapi_url=None)
    app.get("/x")(nothing)
    assert listed(JWTAuthMiddleware(app, **ARGUMENTS, public_paths=["/x"])) == {("GET", "/x"): "PUBLIC"}


def test_application_without_a_guard_is_undecided_whatever_its_rules():
    app = FastAPI(openapi_url=None)
    app.get("/x", dependencies=[Depends(require_user)])(nothing)
    assert undecided(app) == ["/x"]


@pytest.mark.parametrize(
    ("pattern", "path", "says"),
    [
        ("/x", "/x", "PUBLIC"),
        ("/x/*", "/x/{id}", "PUBLIC"),
        ("/x", "/x/", "any token"),
        ("/x/mine", "/x/{id}", "any token; PUBLIC at /x/mine"),
        ("/x/mine", "/x/{id:int}", "any token; PUBLIC at /x/mine"),
        ("/x/m*", "/x/{id}", "any token; PUBLIC at /x/m*"),
        ("/x/m*", "/x/{id}/items", "any token; PUBLIC at /x/m*"),
        ("/x/m/*", "/x/{id}", "any token"),
        ("/x/a/*", "/x/{rest:path}", "any token; PUBLIC at /x/a/*"),
        ("/x/a/b", "/{rest:path}", "any token; PUBLIC at /x/a/b"),
        ("/y/*", "/x/{id}", "any token"),
        ("/x/mine/items", "/x/{id}", "any token"),
        ("/x", "/x/{id}", "any token"),
    ],
)
def test_public_paths_within_a_route_are_named(pattern, path, says):
    app = guarded(public_paths=[pattern])
    app.get(path)(nothing)
    assert list(listed(app).values()) == [says]
    assert bool(undecided(app)) is (says != "PUBLIC")


def test_rule_on_a_public_route_is_shown_too():
    app = guarded(public_paths=["/x"])
    app.get("/x", dependencies=[Depends(require_user)])(nothing)
    assert listed(app) == {("GET", "/x"): "PUBLIC, require_user"}


def test_pages_of_fastapi_need_no_rule():
    app = FastAPI()
    app.add_middleware(JWTAuthMiddleware, **ARGUMENTS, public_paths=["/docs"])
    rows = listed(app)
    assert rows["GET", "/docs"] == "PUBLIC"
    assert rows["GET", "/openapi.json"] == rows["GET", "/redoc"] == "any token (a page of FastAPI's)"
    assert undecided(app) == []


def test_rules_called_in_endpoints_of_starlette_are_seen():
    async def by_name(request):
        await admin_only(request)

    async def on_the_spot(request):
        await require_scope("x")(request)

    class Items(HTTPEndpoint):
        async def get(self, request):
            await admin_only(request)

    routes = [Route("/a", by_name), Route("/b", on_the_spot), Route("/c", Items), Route("/d", endpoint)]
    rows = {path: said for (_, path), said in listed(Starlette(routes=routes, middleware=[guard()])).items()}
    assert rows == {
        "/a": "require_role('admin')",
        "/b": "require_scope(…)",
        "/c": "require_role('admin')",
        "/d": "any token",
    }


def test_front_end_files_are_listed(tmp_path):
    (tmp_path / "index.html").write_text("")
    app = guarded(public_paths=["/shop/*"])
    app.frontend("/shop", directory=tmp_path)
    assert listed(app) == {("GET", "/shop/{path:path}"): "PUBLIC"}


SERVICE = """
from fastapi import Depends, FastAPI
from auth_service_sdk import JWTAuthMiddleware, require_role

def create(rule=True):
    app = FastAPI()
    app.add_middleware(JWTAuthMiddleware, auth_base_url="https://auth.example.com", expected_audience="a",
                       public_paths=["/docs", "/health"])
    app.get("/health")(lambda: {})
    app.post("/orders", dependencies=[Depends(require_role("clerk"))] if rule else [])(lambda: {})
    return app

app, loose = create(), create(rule=False)
"""


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["shop.main:app"], 0, "POST  /orders                require_role('clerk')"),
        (["shop.main:app", "--strict"], 0, "GET   /health                PUBLIC"),
        (["shop.main:create()", "--strict"], 0, "POST  /orders                require_role('clerk')"),
        (["shop.main:loose"], 0, "POST  /orders                any token"),
        (["shop.main:loose", "--strict"], 1, "1 of 6 routes have no rule of their own"),
        (["shop.main:nothing"], 2, "cannot load shop.main:nothing"),
        (["shop.nowhere:app"], 2, "cannot load shop.nowhere:app"),
        (["shop.main"], 2, "name it as package.module:app"),
        (["--help"], 0, "orders.main:app --strict"),
    ],
    ids=json.dumps,
)
def test_command_prints_the_table_and_exits_by_it(tmp_path, arguments, status, says):
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/main.py").write_text(SERVICE)
    command = [sys.executable, "-W", "error", "-m", "auth_service_sdk.routes", *arguments]
    done = subprocess.run(command, check=False, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, says in done.stdout + done.stderr) == (status, True), done
    assert "Traceback" not in done.stderr
