"""Bad input at every endpoint that the schema lists: a 4xx with a stable code, never a 500, never an echo."""

import json
import math
import re
import time
from typing import Any

import httpx2
import pytest
from fastapi import params
from fastapi.routing import APIRoute

from app.foundation.pages import PageRouter
from app.main import ROUTERS
from app.wiring import Services
from tests.administrators import Administrators
from tests.support import People, bearer

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("fresh_attempts")]

SECRET = "s3cr3t-that-must-not-come-back"

BODIES: dict[str, tuple[bytes, str]] = {
    "no content type": (b"{}", ""),
    "form": (b"email=a&password=b", "application/x-www-form-urlencoded"),
    "text": (b"{}", "text/plain"),
    "multipart": (b"--x\r\n\r\n--x--", "multipart/form-data; boundary=x"),
    "other charset": (b"{}", "application/json; charset=utf-16"),
    "content type of 8 kB": (b"{}", "application/json;" + "x" * 8000),
    "empty": (b"", "application/json"),
    "unparsable": (b'{"email": ' + SECRET.encode(), "application/json"),
    "cut short": (b'{"password": "' + SECRET.encode(), "application/json"),
    "not UTF-8": (b'{"password": "\xff\xfe"}', "application/json"),
    "byte order mark": (b'\xef\xbb\xbf{"password": "x"}', "application/json"),
    "duplicate key": (b'{"password": "a", "password": "' + SECRET.encode() + b'"}', "application/json"),
    "NaN": (b'{"password": NaN}', "application/json"),
    "infinity": (b'{"password": 1e999}', "application/json"),
    "digits": (b'{"password": ' + b"9" * 10_000 + b"}", "application/json"),
    "deep list": (b"[" * 10_000 + b"]" * 10_000, "application/json"),
    "deep object": (b'{"a":' * 40 + b"1" + b"}" * 40, "application/json"),
    "NUL": (b'{"email": "a\\u0000b", "password": "x"}', "application/json"),
    "lone surrogate": (b'{"email": "\\ud800", "password": "x"}', "application/json"),
    "list": (b"[]", "application/json"),
    "text value": (b'"' + SECRET.encode() + b'"', "application/json"),
    "number": (b"1", "application/json"),
    "too large": (b'{"email": "' + b"a" * 70_000 + b'"}', "application/json"),
}


# Pages answer in HTML and read forms: they have tests of their own.
ROUTES = [route for router in ROUTERS if not isinstance(router, PageRouter) for route in router.routes]
WITH_PAGES = [route for router in ROUTERS for route in router.routes]


def reads_json(route: APIRoute) -> bool:
    described = (route.openapi_extra or {}).get("requestBody", {}).get("content", {})
    field = route.body_field
    return "application/json" in described or (field is not None and not isinstance(field.field_info, params.Form))


def endpoints(routes: list[APIRoute]) -> list[tuple[str, str]]:
    return sorted({(method, route.path_format) for route in routes for method in route.methods or ()})


def concrete(path: str) -> str:
    return re.sub(r"\{[^}]+\}", "0190a0a0-0000-7000-8000-000000000000", path)


def right_methods(path: str) -> set[str]:
    """Those of every route that a path fits: a word may stand where another route has an id."""
    return {method for route in WITH_PAGES if route.path_regex.match(concrete(path)) for method in route.methods or ()}


WITH_BODY = endpoints([route for route in ROUTES if reads_json(route)])
EVERY = endpoints(ROUTES)


def fields_of(schema: dict[str, Any], method: str, path: str) -> list[str]:
    body = schema["paths"][path][method.lower()].get("requestBody", {})
    described = body.get("content", {}).get("application/json", {}).get("schema", {})
    for part in (described, *described.get("anyOf", ())):
        named = schema["components"]["schemas"][part["$ref"].rpartition("/")[2]] if "$ref" in part else part
        if "properties" in named:
            return list(named["properties"])
    raise AssertionError(f"{method} {path} describes no body")


def refused(answer: httpx2.Response, case: str) -> None:
    assert 400 <= answer.status_code < 500, f"{case}: {answer.status_code} {answer.text}"
    body = answer.json()
    if answer.url.path.startswith("/oauth/"):
        assert answer.headers["content-type"] == "application/json", case
        assert body["error"] == "invalid_request", case
    else:
        assert answer.headers["content-type"] == "application/problem+json", case
        assert re.fullmatch(r"[a-z][a-z0-9_]*", body["code"]), case
    assert body["trace_id"] == answer.headers["x-trace-id"], case
    assert SECRET not in answer.text, case


class Callers:
    """Somebody who may call a path: the others are refused before their body is looked at.

    They sign in anew well before their tokens run out.
    """

    def __init__(self, people: People, admins: Administrators) -> None:
        self._people = people
        self._admins = admins
        self._known: dict[bool, tuple[float, dict[str, str]]] = {}

    async def of(self, path: str) -> dict[str, str]:
        by_admin = path.startswith("/admin/")
        since, headers = self._known.get(by_admin, (-math.inf, {}))
        if time.monotonic() - since > 240:
            headers = await self._admins.all_powerful() if by_admin else await self._user()
            self._known[by_admin] = time.monotonic(), headers
        return headers

    async def _user(self) -> dict[str, str]:
        if False not in self._known:
            await self._people.sign_up()
        return bearer(await self._people.log_in())


@pytest.fixture(scope="module")
def api(steady_api: httpx2.AsyncClient) -> httpx2.AsyncClient:
    """What is refused changes nothing, so that all tests here share one application."""
    return steady_api


@pytest.fixture(scope="module")
def callers(steady_api: httpx2.AsyncClient, steady_services: Services) -> Callers:
    return Callers(People(steady_api), Administrators(steady_api, steady_services))


@pytest.mark.attack("DOS-01")
@pytest.mark.parametrize(("method", "path"), WITH_BODY)
async def test_a_malformed_body_is_refused(api: httpx2.AsyncClient, callers: Callers, method: str, path: str) -> None:
    headers = await callers.of(path)
    optional = path == "/auth/logout"
    for case, (content, content_type) in BODIES.items():
        if case == "empty" and optional:
            continue
        sent = headers | ({"Content-Type": content_type} if content_type else {})
        refused(await api.request(method, path, content=content, headers=sent), case)
    assert (await api.get("/auth/me", headers=headers)).status_code == 200, "a refused body must change nothing"


@pytest.mark.parametrize(("method", "path"), WITH_BODY)
async def test_wrong_values_in_a_field_are_refused(
    api: httpx2.AsyncClient, callers: Callers, method: str, path: str
) -> None:
    headers = await callers.of(path)
    schema = (await api.get("/openapi.json")).json()
    for field in fields_of(schema, method, path):
        for wrong in (7, 1.5, [], {}, [SECRET], {"a": SECRET}, "x" * 10_000, "\u0007" * 20_000):
            answer = await api.request(method, path, json={field: wrong}, headers=headers)
            refused(answer, f"{field} = {type(wrong).__name__}")


@pytest.mark.attack("ADM-03")
@pytest.mark.parametrize(("method", "path"), WITH_BODY)
async def test_an_unknown_field_is_refused(api: httpx2.AsyncClient, callers: Callers, method: str, path: str) -> None:
    headers = await callers.of(path)
    for name in ("is_admin", "roles", "sub", "email_verified", "__proto__", SECRET[:20]):
        answer = await api.request(method, path, json={name: SECRET}, headers=headers)
        assert answer.status_code == 422, answer.text
        refused(answer, name)


@pytest.mark.parametrize(("method", "path"), EVERY)
async def test_a_wrong_method_is_refused_and_the_right_ones_are_named(
    api: httpx2.AsyncClient, method: str, path: str
) -> None:
    right = right_methods(path)
    for wrong in {"PUT", "TRACE", "GET", "POST", "DELETE", "BREW"} - right:
        answer = await api.request(wrong, concrete(path))
        refused(answer, wrong)
        assert answer.status_code == 405
        assert answer.json().get("code") in ("method_not_allowed", None)
        assert set(answer.headers["allow"].replace(" ", "").split(",")) - {"HEAD"} == right - {"HEAD"}


@pytest.mark.parametrize("value", ["0", "201", "-1", "x", "1e3", ""])
async def test_a_limit_outside_its_bounds_is_refused(api: httpx2.AsyncClient, callers: Callers, value: str) -> None:
    headers = await callers.of("/auth/")
    refused(await api.get("/auth/sessions", params={"limit": value}, headers=headers), value)


@pytest.mark.parametrize("value", ["", "x", "AAAA", "ä", "a" * 2000, json.dumps({"a": 1})])
async def test_a_cursor_that_was_made_up_is_refused(api: httpx2.AsyncClient, callers: Callers, value: str) -> None:
    headers = await callers.of("/auth/")
    refused(await api.get("/auth/sessions", params={"after": value}, headers=headers), value)


@pytest.mark.parametrize("value", ["1", "x", "%2e%2e%2fme", "%00", "0190a0a0-0000-7000-8000-00000000000g", "a" * 5000])
async def test_a_session_id_that_is_none_is_refused(api: httpx2.AsyncClient, callers: Callers, value: str) -> None:
    headers = await callers.of("/auth/")
    refused(await api.delete(f"/auth/sessions/{value}", headers=headers), value)
