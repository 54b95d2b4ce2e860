"""Every endpoint of the service, as its own OpenAPI document lists them, against bad input."""

import json
import re
from typing import Any

import httpx2
import pytest

from tests.edge.support import problem

pytestmark = pytest.mark.anyio

SECRET = "hunter2-never-shown"
JSON = {"Content-Type": "application/json"}
# Answers by RFC 6749 §5.2.
OAUTH = {"/token", "/oauth/token", "/oauth/introspect", "/oauth/revoke", "/oauth/userinfo"}
METHODS = ("get", "put", "post", "delete", "patch")

BROKEN = {
    "cut off": b'{"email": "' + SECRET.encode(),
    "deep": b"[" * 10_000,
    "deep objects": b'{"email":' * 5000,
    "duplicate keys": b'{"email": "a", "email": "hunter2-never-shown"}',
    "NaN": b'{"email": NaN}',
    "NUL": b'{"email": "a\\u0000hunter2-never-shown"}',
    "lone surrogate": b'{"email": "\\ud800hunter2-never-shown"}',
    "invalid UTF-8": b'{"email": "\xffhunter2-never-shown"}',
    "long integer": b'{"email": ' + b"9" * 10_000 + b"}",
    "byte order mark": b"\xef\xbb\xbf{}",
}
WRONG: dict[str, Any] = {
    "list": [],
    "text": SECRET,
    "null": None,
    "unknown field": {"surplus": SECRET},
    "wrong types": {name: [SECRET] for name in ("email", "password", "refresh_token", "everywhere", "name", "scope")},
    "numbers": dict.fromkeys(("email", "password", "refresh_token", "everywhere", "name", "scope"), 10**30),
    "long values": dict.fromkeys(("email", "password", "refresh_token", "everywhere", "name"), SECRET * 500),
}


async def operations(api: httpx2.AsyncClient) -> list[tuple[str, str, dict[str, Any]]]:
    """Method, path and description of every operation; path parameters are filled in."""
    paths = (await api.get("/openapi.json")).json()["paths"]
    found = [
        (method.upper(), re.sub(r"\{[^}]+\}", "01890000-0000-7000-8000-000000000000", path), operation)
        for path, operations_of_path in paths.items()
        for method, operation in operations_of_path.items()
    ]
    assert len(found) > 8
    return found


def takes_json(operation: dict[str, Any]) -> bool:
    return "application/json" in operation.get("requestBody", {}).get("content", {})


def assert_refused(answer: httpx2.Response, *, what: str) -> None:
    assert 400 <= answer.status_code < 500, (what, answer.status_code, answer.text)
    code = answer.json()["code"]
    problem(answer, answer.status_code, code)
    assert SECRET not in answer.text, what


async def test_a_broken_body_is_refused_by_every_endpoint_that_takes_one(api: httpx2.AsyncClient):
    for method, path, operation in await operations(api):
        if not takes_json(operation):
            continue
        for name, body in BROKEN.items():
            answer = await api.request(method, path, content=body, headers=JSON)
            # Who may not enter is told so before anybody reads what they brought.
            codes = {"invalid_json"} if "security" not in operation else {"invalid_json", "missing_token"}
            assert_refused(answer, what=f"{method} {path}: {name}")
            assert answer.json()["code"] in codes, (path, name)
        plain = await api.request(method, path, content=b'{"email": "x"}', headers={"Content-Type": "text/plain"})
        large = await api.request(method, path, content=b" " * 70_000, headers=JSON)
        if "x-required-scope" in operation:
            problem(plain, 401, "missing_token")
        else:
            problem(plain, 415, "unsupported_media_type")
        problem(large, 413, "body_too_large")


async def test_a_wrong_value_is_refused_by_every_endpoint_that_takes_a_body(api: httpx2.AsyncClient):
    for method, path, operation in await operations(api):
        if not takes_json(operation):
            continue
        for name, body in WRONG.items():
            answer = await api.request(method, path, content=json.dumps(body), headers=JSON)
            if path == "/auth/logout" and name == "null":
                continue
            assert_refused(answer, what=f"{method} {path}: {name}")


async def test_a_wrong_method_is_refused_everywhere_with_those_that_are_right(api: httpx2.AsyncClient):
    by_path: dict[str, set[str]] = {}
    for method, path, _ in await operations(api):
        by_path.setdefault(path, set()).add(method)
    # A word may stand where another route has an id.
    templates = (await api.get("/openapi.json")).json()["paths"]
    for path, allowed in by_path.items():
        for template, described in templates.items():
            # A name may hold slashes.
            if re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", template.replace("{name}", ".+")), path):
                allowed |= {method.upper() for method in described}
    for path, allowed in by_path.items():
        for method in {"GET", "PUT", "POST", "DELETE", "PATCH", "TRACE", "OPTIONS"} - allowed:
            answer = await api.request(method, path)
            if path in OAUTH:
                assert (answer.status_code, answer.json()["error"]) == (405, "invalid_request")
            else:
                problem(answer, 405, "method_not_allowed")
            assert set(answer.headers["allow"].split(", ")) - {"HEAD"} == allowed, path


async def test_whatever_is_sent_as_a_credential_is_refused_in_one_form(api: httpx2.AsyncClient):
    credentials = [
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Bearer a.b.c",
        "Bearer " + "x" * 12_000,
        "Basic eDp4",
        "x",
        "Bearer \xe9",
    ]
    for method, path, operation in await operations(api):
        if "security" not in operation:
            continue
        for credential in credentials:
            headers = {"Authorization": credential.encode("latin-1")}
            answer = await api.request(
                method, path, headers=headers, content=b"{}" if "requestBody" in operation else b""
            )
            assert answer.status_code in (401, 415), (path, credential, answer.text)
            if answer.status_code == 401:
                assert answer.headers["www-authenticate"].startswith("Bearer")
