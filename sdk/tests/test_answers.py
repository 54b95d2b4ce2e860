"""How a refusal looks to the caller, and what stands in the log."""

import logging

import pytest

from auth_service_sdk import Identity, JWTAuthMiddleware, require_user
from auth_service_sdk.errors import Forbidden

pytestmark = pytest.mark.anyio
TRACE = "0af7651916cd43dd8448eb211c80319c"


async def nothing():
    return {}


@pytest.mark.spec("RFC 9457 §3")
async def test_refusal_is_a_problem_document(api):
    answer = await api.get("/open")
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert problem.keys() == {"type", "title", "status", "detail", "code", "trace_id"}
    assert (problem["status"], problem["code"]) == (401, "missing_token")
    assert problem["trace_id"] == answer.headers["x-trace-id"]


@pytest.mark.spec("RFC 6750 §3.1")
async def test_challenge_without_a_credential_carries_no_error(api):
    assert (await api.get("/open")).headers["www-authenticate"] == 'Bearer realm="orders-api"'


async def test_trace_id_is_the_callers(api):
    answer = await api.get("/open", headers={"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"})
    assert answer.json()["trace_id"] == answer.headers["x-trace-id"] == TRACE


@pytest.mark.parametrize(
    "traceparent",
    [
        "",
        "x",
        f"00-{TRACE.upper()}-b7ad6b7169203331-01",
        f"ff-{TRACE}-b7ad6b7169203331-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{'0' * 32}-b7ad6b7169203331-01",
        f"00-{TRACE}\r\nx: y-b7ad6b7169203331-01",
    ],
)
async def test_trace_id_that_is_not_valid_is_replaced(api, traceparent):
    answer = await api.get("/open", headers={"traceparent": traceparent.replace("\r\n", "")})
    trace_id = answer.json()["trace_id"]
    assert trace_id != TRACE
    assert len(trace_id) == 32
    assert int(trace_id, 16)


@pytest.mark.parametrize(
    ("base_url", "headers", "told"),
    [
        ("http://127.0.0.1", {}, True),
        ("http://127.0.0.1", {"host": "localhost:8001"}, True),
        ("http://127.0.0.1", {"host": "orders.example.com"}, False),
        ("http://127.0.0.1", {"x-forwarded-for": "203.0.113.9"}, False),
        ("http://127.0.0.1", {"forwarded": "for=203.0.113.9"}, False),
        ("http://10.0.0.5", {"host": "localhost"}, False),
    ],
)
async def test_only_loopback_is_told_what_was_expected(issuer, guard, caplog, base_url, headers, told):
    token = issuer.mint(aud="billing-api")
    answer = await guard(base_url=base_url).get("/open", headers={"authorization": f"Bearer {token}"} | headers)
    words = "expected audience orders-api, token has billing-api"
    assert (words in answer.text) is told
    assert words in caplog.text


@pytest.mark.parametrize(
    ("changes", "level"),
    [({"aud": "billing-api"}, logging.WARNING), ({"exp": 1}, logging.INFO)],
    ids=["audience", "expired"],
)
async def test_log_tells_misconfiguration_from_everyday_refusals(issuer, knock, caplog, changes, level):
    caplog.set_level(logging.INFO, "auth_service_sdk")
    await knock(issuer.mint(**changes))
    assert [record.levelno for record in caplog.records if "refused" in record.message] == [level]


async def test_token_is_in_no_log_and_no_answer(issuer, knock, caplog):
    caplog.set_level(logging.DEBUG)
    tokens = [issuer.mint(), issuer.mint(exp=1), issuer.mint(aud="x"), issuer.mint() + "A", issuer.mint(sid="gone")]
    issuer.revoked.add("gone")
    text = "".join([(await knock(token)).text for token in tokens]) + caplog.text
    for token in tokens:
        assert token not in text
        assert all(part not in text for part in token.split(".")[1:])


async def test_forged_values_cannot_break_a_log_line(issuer, knock, caplog):
    caplog.set_level(logging.INFO, "auth_service_sdk")
    await knock(issuer.mint(aud="x\nINFO all is well"))
    await knock(issuer.mint(header={"kid": "k\r\nforged"}))
    assert all("\n" not in record.getMessage() for record in caplog.records)


async def test_own_refusal_cannot_break_its_header(issuer, guard):
    from fastapi import Depends, FastAPI

    async def rule(identity: Identity = Depends(require_user)):
        raise Forbidden(f'No "{identity.sub}"\r\nset-cookie: a=b é')

    app = FastAPI()
    app.get("/", dependencies=[Depends(rule)])(nothing)
    answer = await guard(app).get("/", headers={"authorization": f"Bearer {issuer.mint(sub='u')}"})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers
    assert 'error_description="No ?u???set-cookie: a=b ?"' in answer.headers["www-authenticate"]


async def test_middleware_says_once_how_sessions_are_confirmed(caplog):
    caplog.set_level(logging.INFO, "auth_service_sdk")
    JWTAuthMiddleware(
        None, auth_base_url="https://auth.example.com", expected_audience="a", client_id="c", client_secret="s"
    )
    assert "revocations are followed: GET https://auth.example.com/auth/revocations, news up to 10 s old" in caplog.text
    assert "no action token" not in caplog.text
    JWTAuthMiddleware(None, auth_base_url="https://auth.example.com", expected_audience="a")
    assert "GET https://auth.example.com/auth/validate, each answer used for at most 0.5 s" in caplog.text
    assert "without client credentials no action token is spent" in caplog.text


async def test_plain_http_to_another_machine_is_warned_of(caplog):
    JWTAuthMiddleware(None, auth_base_url="http://auth.internal", expected_audience="a")
    assert "is not https" in caplog.text
