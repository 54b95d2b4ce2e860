"""Every refusal has one form, a stable code and a trace id, and tells nothing of the inside."""

import json
import logging

import pytest

from tests.edge.support import SECRET, application, client, problem

pytestmark = pytest.mark.anyio

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


async def test_an_unknown_path_is_not_found():
    async with client() as api:
        problem(await api.get("/nowhere"), 404, "not_found")
        problem(await api.get("/things/"), 404, "not_found")


@pytest.mark.spec("RFC 9110 §15.5.6")
@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/things", "GET, HEAD, POST"),
        ("PUT", "/hot", "POST"),
        ("TRACE", "/origin", "GET, HEAD"),
        ("BREW", "/things", "GET, HEAD, POST"),
        ("OPTIONS", "/things", "GET, HEAD, POST"),
        ("HEAD", "/optional", "POST"),
    ],
)
async def test_a_method_that_the_path_does_not_take_is_refused_with_those_that_it_does(method, path, allowed):
    async with client() as api:
        answer = await api.request(method, path)
    assert answer.status_code == 405
    assert answer.headers["allow"] == allowed
    if method != "HEAD":
        problem(answer, 405, "method_not_allowed")


async def test_a_query_parameter_that_is_refused_is_named_and_not_shown():
    async with client() as api:
        answer = await api.get("/things", params={"limit": "hunter2"})
    body = problem(answer, 422, "validation_failed")
    assert body["errors"] == [{"pointer": "", "parameter": "limit", "detail": "This must be a whole number."}]
    assert "hunter2" not in answer.text


async def test_a_service_names_the_faults_of_a_value():
    async with client() as api:
        body = problem(await api.get("/weak"), 422, "validation_failed")
    assert body["errors"] == [{"pointer": "/password", "detail": "This is too short."}]
    assert body["detail"] == "Choose another."


@pytest.mark.parametrize("path", ["/boom", "/hot-boom"])
async def test_an_unexpected_exception_is_a_500_with_a_trace_id_and_no_internals(path, caplog):
    with caplog.at_level(logging.ERROR):
        async with client() as api:
            answer = await api.get(path, headers={"traceparent": TRACEPARENT})
    body = problem(answer, 500, "internal_error")
    assert body["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert "Runtime" not in answer.text
    assert SECRET not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert any(record.exc_info and "RuntimeError" in str(record.exc_info[0]) for record in caplog.records)


@pytest.mark.spec("RFC 6750 §3.1")
async def test_without_a_token_the_challenge_names_no_error():
    async with client() as api:
        answer = await api.get("/no-token")
    problem(answer, 401, "not_authenticated")
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.spec("RFC 6750 §3.1")
async def test_a_bad_token_is_told_in_the_challenge_within_its_characters():
    async with client() as api:
        answer = await api.get("/bad-token", headers={"Authorization": "Bearer x"})
    problem(answer, 401, "invalid_token")
    expected = 'Bearer error="invalid_token", error_description="The token  x  has expired."'
    assert answer.headers["www-authenticate"] == expected
    assert SECRET not in answer.text


async def test_refusals_that_pass_say_when_to_try_again():
    async with client() as api:
        busy, often = await api.get("/busy"), await api.get("/often")
    problem(busy, 503, "unavailable")
    assert busy.headers["retry-after"] == "3"
    problem(often, 429, "too_many_requests")
    assert often.headers["retry-after"] == "30"


@pytest.mark.spec("RFC 6749 §5.2")
async def test_oauth_endpoints_answer_in_oauths_form():
    async with client() as api:
        answer = await api.get("/oauth/grant")
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["pragma"] == "no-cache"
    body = answer.json()
    assert body == {
        "error": "invalid_grant",
        "error_description": "The  code  was used.",
        "trace_id": answer.headers["x-trace-id"],
    }


@pytest.mark.spec("RFC 6749 §5.2")
async def test_a_client_that_fails_to_authenticate_is_challenged():
    async with client() as api:
        answer = await api.get("/oauth/client")
    assert answer.status_code == 401
    assert answer.json()["error"] == "invalid_client"
    assert answer.headers["www-authenticate"].startswith("Basic ")


async def test_below_oauth_every_other_refusal_is_in_oauths_form_too():
    async with client() as api:
        boom, nowhere = await api.get("/oauth/boom"), await api.get("/oauth/nowhere")
        large = await api.post("/oauth/token", content=b"x" * 70_000)
        wrong = await api.post("/oauth/grant")
    assert (boom.status_code, boom.json()["error"]) == (500, "server_error")
    assert SECRET not in boom.text
    assert (nowhere.status_code, nowhere.json()["error"]) == (404, "invalid_request")
    assert (large.status_code, large.json()["error"]) == (413, "invalid_request")
    assert (wrong.status_code, wrong.json()["error"]) == (405, "invalid_request")
    assert wrong.headers["allow"] == "GET, HEAD"


async def test_openapi_tells_of_every_route_of_its_body_and_of_the_problem():
    app = application()
    async with client(app) as api:
        schema = (await api.get("/openapi.json")).json()
        assert (await api.get("/docs")).status_code == 404
    hot = schema["paths"]["/hot"]["post"]
    assert set(hot["requestBody"]["content"]["application/json"]["schema"]["properties"]) == {"name", "flag"}
    for path in schema["paths"].values():
        for operation in path.values():
            assert "application/problem+json" in operation["responses"]["default"]["content"]
            assert "422" not in operation["responses"]
    assert "HTTPValidationError" not in json.dumps(schema)
