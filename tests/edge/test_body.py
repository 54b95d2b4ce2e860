"""The one body reader, through a FastAPI route and through a hot endpoint."""

import json
import time
from collections.abc import AsyncIterator

import pytest

from tests.edge.support import client, problem

pytestmark = pytest.mark.anyio

JSON = {"Content-Type": "application/json"}
ROUTES = pytest.mark.parametrize("path", ["/things", "/hot"])


@ROUTES
@pytest.mark.parametrize(
    "content_type", ["application/json", "Application/JSON; charset=UTF-8", 'application/json;charset="utf-8"']
)
async def test_json_is_read(path, content_type):
    async with client() as api:
        answer = await api.post(path, content=b'{"name": "x"}', headers={"Content-Type": content_type})
    assert answer.status_code == 200
    assert answer.json()["name"] == "x"


@ROUTES
@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=utf-16",
        "application/json, text/plain",
        "application/problem+json",
        "application/json" + ";" * 9000,
    ],
)
async def test_another_media_type_is_refused(path, content_type):
    async with client() as api:
        answer = await api.post(path, content=b'{"name": "x"}', headers={"Content-Type": content_type})
    problem(answer, 415, "unsupported_media_type")


@ROUTES
async def test_a_missing_body_is_refused(path):
    async with client() as api:
        problem(await api.post(path, headers=JSON), 400, "missing_body")
        problem(await api.post(path), 400, "missing_body")


async def test_a_body_that_may_be_left_out_is_still_read_strictly():
    async with client() as api:
        assert (await api.post("/optional")).json() == {"given": False}
        answer = await api.post("/optional", content=b'{"name":"x","name":"y"}', headers=JSON)
        problem(answer, 400, "invalid_json")


@ROUTES
@pytest.mark.attack("DOS-01")
@pytest.mark.parametrize(
    "body",
    [
        b'{"name": "x"',
        b"{'name': 'x'}",
        b'{"name": "x"} {}',
        b"   ",
        b'{"name": "x", "name": "y"}',
        b'{"name": "x", "inner": {"count": 1, "count": 2}}',
        b'{"name": NaN}',
        b'{"name": Infinity}',
        b'{"name": -Infinity}',
        b'{"name": 1e400}',
        b'{"name": "\\ud800"}',
        b'{"\\udc00": "x"}',
        b'{"name": "a\\u0000b"}',
        b'{"name": "a\0b"}',
        b'{"name": "\xff"}',
        b'{"name": "\xed\xa0\x80"}',
        b'\xef\xbb\xbf{"name": "x"}',
        '{"name": "x"}'.encode("utf-16"),
        b'{"name": ' + b"1" * 10_000 + b"}",
        b"[" * 10_000,
        b'{"a":' * 10_000,
        b'{"name": ' + b"[" * 33 + b"]" * 33 + b"}",
        b"[" + b"1," * 20_000 + b"1]",
    ],
    ids=lambda body: repr(body[:24]),
)
async def test_json_that_is_broken_or_ambiguous_is_refused(path, body):
    async with client() as api:
        answer = await api.post(path, content=body, headers=JSON)
    problem(answer, 400, "invalid_json")


@ROUTES
@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/name"),
        ({"name": 5}, "/name"),
        ({"name": None}, "/name"),
        ({"name": ["x"]}, "/name"),
        ({"name": "x" * 10_000}, "/name"),
        ({"name": "x", "flag": "true"}, "/flag"),
        ({"name": "x", "flag": 1}, "/flag"),
        ({"name": "x", "surplus": 1}, "/surplus"),
        ({"name": "x", "a/b~c": 1}, "/a~1b~0c"),
        ([], ""),
        ("x", ""),
        (None, ""),
        (5, ""),
    ],
    ids=repr,
)
async def test_a_value_that_is_refused_is_named_by_its_pointer(path, body, pointer):
    async with client() as api:
        answer = await api.post(path, content=json.dumps(body), headers=JSON)
    faults = problem(answer, 422, "validation_failed")["errors"]
    assert [fault["pointer"] for fault in faults] == [pointer]
    assert all(fault["detail"] for fault in faults)


async def test_a_fault_deep_inside_is_named_by_its_pointer():
    async with client() as api:
        answer = await api.post("/things", json={"name": "x", "inner": {"count": 99}, "items": ["a", 5]})
    faults = problem(answer, 422, "validation_failed")["errors"]
    assert faults == [
        {"pointer": "/inner/count", "detail": "This may be at most 9."},
        {"pointer": "/items/1", "detail": "This must be a string."},
    ]


@ROUTES
async def test_a_refused_value_is_never_shown(path):
    secret = "hunter2-" * 12
    bodies = [{"name": secret}, {"name": [secret]}, {"name": {"x": secret}}, {"name": "x", "flag": secret}, secret]
    async with client() as api:
        for body in bodies:
            answer = await api.post(path, json=body)
            problem(answer, 422, "validation_failed")
            assert "hunter2" not in answer.text
        answer = await api.post(path, content=b'{"name": "hunter2"', headers=JSON)
    assert "hunter2" not in answer.text


@ROUTES
async def test_a_body_full_of_faults_gets_a_short_answer(path):
    async with client() as api:
        answer = await api.post(path, json={f"{'n' * 500}{number}": number for number in range(100)})
    faults = problem(answer, 422, "validation_failed")["errors"]
    assert 0 < len(faults) <= 16
    assert len(answer.content) < 4096


@ROUTES
@pytest.mark.attack("DOS-01")
async def test_a_body_beyond_the_limit_is_refused(path):
    async with client() as api:
        answer = await api.post(path, content=b'{"name": "' + b"x" * 65_536 + b'"}', headers=JSON)
        problem(answer, 413, "body_too_large")
        body, costs = b"x" * 10_000_000, []
        for _ in range(3):
            started = time.process_time()
            answer = await api.post(path, content=body, headers=JSON)
            costs.append(time.process_time() - started)
            problem(answer, 413, "body_too_large")
    assert min(costs) < 0.05


@ROUTES
@pytest.mark.attack("DOS-01")
async def test_a_chunked_body_is_counted_as_it_arrives(path):
    sent = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 10_000_000:
            sent += 8192
            yield b" " * 8192

    async with client() as api:
        problem(await api.post(path, content=chunks(), headers=JSON), 413, "body_too_large")
    assert sent <= 65_536 + 2 * 8192


@pytest.mark.parametrize("length", ["-1", "abc", "1e3", "0x10", "1, 2", "\N{SUPERSCRIPT TWO}"])
async def test_a_content_length_that_is_no_number_is_refused(length):
    async with client() as api:
        answer = await api.post("/things", content=b"{}", headers={**JSON, "Content-Length": length.encode("latin-1")})
    problem(answer, 400, "invalid_content_length")


async def test_a_content_length_that_lies_does_not_widen_the_limit():
    async with client() as api:
        answer = await api.post("/things", content=b" " * 70_000, headers={**JSON, "Content-Length": "2"})
    problem(answer, 413, "body_too_large")


async def test_a_content_length_of_astronomic_digits_is_refused():
    async with client() as api:
        answer = await api.post("/things", content=b"{}", headers={**JSON, "Content-Length": "9" * 5000})
    problem(answer, 413, "body_too_large")
