"""What every request passes and every answer carries."""

import asyncio
import re
from ipaddress import ip_network

import pytest

from app.foundation.limits import BoundedBody, RequestTimeout
from tests.edge.support import application, client, policy, problem

pytestmark = pytest.mark.anyio

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


async def test_every_answer_carries_a_trace_id_of_its_own():
    async with client() as api:
        answers = [await api.get(path) for path in ("/origin", "/nowhere", "/boom", "/busy", "/hot-boom", "/health")]
        answers.append(await api.post("/things", content=b"x" * 70_000))
        answers.append(await api.get("/origin", headers={"X-Large": "x" * 17_000}))
    assert [answer.status_code for answer in answers] == [200, 404, 500, 503, 500, 404, 413, 431]
    ids = [answer.headers["x-trace-id"] for answer in answers]
    assert all(re.fullmatch(r"[0-9a-f]{32}", trace_id) for trace_id in ids)
    assert len(set(ids)) == len(ids)


@pytest.mark.spec("W3C Trace Context §3.2")
async def test_a_callers_trace_goes_on():
    async with client() as api:
        answer = await api.get("/origin", headers={"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"})
    assert answer.headers["x-trace-id"] == TRACE
    assert answer.json()["trace_id"] == TRACE


@pytest.mark.spec("W3C Trace Context §3.2")
@pytest.mark.parametrize(
    "traceparent",
    [
        "",
        TRACE,
        f"00-{TRACE.upper()}-00f067aa0ba902b7-01",
        f"00-{'0' * 32}-00f067aa0ba902b7-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-00f067aa0ba902b7-01",
        f"00-{TRACE}-00f067aa0ba902b7-01-more",
        f"00-{TRACE}x-00f067aa0ba902b7-01",
        "00-" + "a" * 9000,
    ],
)
async def test_a_malformed_trace_is_replaced(traceparent):
    async with client() as api:
        answer = await api.get("/origin", headers={"traceparent": traceparent})
    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["x-trace-id"])
    assert answer.headers["x-trace-id"] not in traceparent or traceparent == ""


@pytest.mark.attack("JWT-14")
async def test_a_token_beyond_the_header_limit_is_refused():
    async with client() as api:
        for size in (17_000, 5_000_000):
            answer = await api.get("/origin", headers={"Authorization": "Bearer " + "x" * size})
            problem(answer, 431, "headers_too_large")


async def test_headers_are_bounded_together_in_number_and_with_the_path():
    async with client() as api:
        problem(await api.get("/origin", headers={f"X-{n}": "x" * 400 for n in range(60)}), 431, "headers_too_large")
        problem(await api.get("/origin", headers={f"X-{n}": "x" for n in range(101)}), 431, "headers_too_large")
        problem(await api.get("/origin?" + "x" * 17_000), 431, "headers_too_large")
        assert (await api.get("/origin", headers={"X-Fits": "x" * 15_000})).status_code == 200


async def test_every_answer_carries_the_security_headers():
    async with client() as api:
        answers = [await api.get(path) for path in ("/origin", "/nowhere", "/boom")]
        answers.append(await api.post("/hot", json={"name": "x"}))
    for answer in answers:
        headers = answer.headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-frame-options"] == "DENY"
        assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["permissions-policy"].startswith("camera=()")
        assert headers["strict-transport-security"] == "max-age=31536000"
        assert headers["cache-control"] == "no-store"
        assert "server" not in headers


async def test_strict_transport_is_asked_for_only_where_the_public_url_is_https():
    async with client(application(policy(https=False))) as api:
        assert "strict-transport-security" not in (await api.get("/origin")).headers


async def test_what_may_be_kept_says_so_itself():
    async with client() as api:
        answer = await api.get("/kept")
    assert answer.headers.get_list("cache-control") == ["public, max-age=240"]


@pytest.mark.spec("RFC 9110 §9.3.2")
async def test_head_is_answered_like_get_without_a_body():
    async with client() as api:
        head, get = await api.head("/origin"), await api.get("/origin")
    assert head.status_code == 200
    assert head.content == b""
    assert head.headers["content-type"] == get.headers["content-type"]
    assert "content-length" in head.headers


async def test_a_slow_body_is_given_up():
    messages = [{"type": "http.request", "body": b"x", "more_body": True}]

    async def receive():
        if not messages:
            await asyncio.Event().wait()
        return messages.pop()

    body = BoundedBody(receive, seconds=0.01)
    assert (await body())["body"] == b"x"
    with pytest.raises(RequestTimeout):
        await body()


async def test_after_the_body_there_is_no_deadline():
    messages = [{"type": "http.request", "body": b"x", "more_body": False}, {"type": "http.disconnect"}]

    async def receive():
        if len(messages) == 1:
            await asyncio.sleep(0.02)
        return messages.pop(0)

    body = BoundedBody(receive, seconds=0.01)
    assert (await body())["body"] == b"x"
    assert (await body())["type"] == "http.disconnect"


async def test_a_websocket_is_refused_before_it_is_accepted():
    sent = []

    async def receive():
        return {"type": "websocket.connect"}

    async def send(message):
        sent.append(message)

    await application()({"type": "websocket", "path": "/origin", "headers": []}, receive, send)
    assert [message["type"] for message in sent] == ["websocket.close"]


async def test_a_scope_that_no_web_server_sends_is_refused():
    with pytest.raises(ValueError, match="no web server"):
        await application()({"type": "carrier-pigeon"}, None, None)


TRUSTED = policy(trusted=(ip_network("10.0.0.0/8"), ip_network("fd00::/8")))


@pytest.mark.parametrize(
    ("peer", "forwarded", "ip"),
    [
        ("198.51.100.1", ["203.0.113.7"], "198.51.100.1"),
        ("10.0.0.1", ["203.0.113.7"], "203.0.113.7"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["6.6.6.6, 203.0.113.7"], "203.0.113.7"),
        ("10.0.0.1", ["6.6.6.6, 203.0.113.7, 10.2.2.2"], "203.0.113.7"),
        ("10.0.0.1", ["6.6.6.6", "203.0.113.7"], "203.0.113.7"),
        ("10.0.0.1", ["10.3.3.3, 10.2.2.2"], "10.3.3.3"),
        ("10.0.0.1", ["203.0.113.7:4711"], "203.0.113.7"),
        ("10.0.0.1", ["[2001:db8::1]:4711"], "2001:db8::1"),
        ("::ffff:10.0.0.1", ["203.0.113.7"], "203.0.113.7"),
        ("fd00::1", ["2001:db8::1"], "2001:db8::1"),
        ("10.0.0.1", ["nonsense"], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.7, unknown"], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.7, "], "10.0.0.1"),
        ("10.0.0.1", [", ".join(["10.9.9.9"] * 500)], "10.9.9.9"),
    ],
)
async def test_the_clients_address_is_what_trusted_proxies_vouch_for(peer, forwarded, ip):
    async with client(application(TRUSTED), peer=(peer, 1)) as api:
        answer = await api.get("/origin", headers=[("X-Forwarded-For", value) for value in forwarded])
    assert answer.json()["ip"] == ip


async def test_without_trusted_proxies_no_forwarded_header_counts():
    async with client(peer=("127.0.0.1", 1)) as api:
        headers = {"X-Forwarded-For": "203.0.113.7", "Forwarded": "for=203.0.113.7", "X-Real-IP": "203.0.113.7"}
        answer = await api.get("/origin", headers=headers)
    assert answer.json()["ip"] == "127.0.0.1"


async def test_a_long_user_agent_is_cut():
    async with client() as api:
        answer = await api.get("/origin", headers={"User-Agent": "x" * 1000})
    assert answer.json()["user_agent"] == "x" * 256


ALLOWED = "https://app.example.com"
FOREIGN = [
    "https://evil.test",
    "null",
    "https://sub.app.example.com",
    "https://app.example.com.evil.test",
    "http://app.example.com",
    "https://APP.example.com",
    "https://app.example.com:8443",
    "https://app.example.com/",
    "*",
    "",
]


@pytest.mark.attack("SES-08")
@pytest.mark.parametrize("origin", FOREIGN)
async def test_another_origin_may_read_nothing(origin):
    preflight = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    async with client(application(policy(origins=(ALLOWED,)))) as api:
        answers = [
            await api.get("/origin", headers={"Origin": origin}),
            await api.get("/nowhere", headers={"Origin": origin}),
            await api.options("/things", headers=preflight),
        ]
    assert answers[2].status_code == 405
    for answer in answers:
        assert not [name for name in answer.headers if name.startswith("access-control-")]
        assert "Origin" in answer.headers["vary"]


@pytest.mark.attack("SES-08")
async def test_an_allowed_origin_may_read_answers_and_refusals():
    async with client(application(policy(origins=(ALLOWED,)))) as api:
        for path in ("/origin", "/nowhere", "/boom", "/no-token"):
            headers = (await api.get(path, headers={"Origin": ALLOWED})).headers
            assert headers["access-control-allow-origin"] == ALLOWED
            assert headers["access-control-allow-credentials"] == "true"
            assert "X-Trace-Id" in headers["access-control-expose-headers"]
            assert headers["vary"] == "Origin"


@pytest.mark.attack("SES-08")
async def test_a_preflight_of_an_allowed_origin_is_answered_before_any_route():
    headers = {"Origin": ALLOWED, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x"}
    async with client(application(policy(origins=(ALLOWED,)))) as api:
        answer = await api.options("/things", headers=headers)
    assert answer.status_code == 204
    assert answer.headers.get_list("access-control-allow-origin") == [ALLOWED]
    assert "authorization" in answer.headers["access-control-allow-headers"]
    assert "*" not in " ".join(value for name, value in answer.headers.items() if name.startswith("access-control-"))


@pytest.mark.attack("SES-08")
async def test_an_answer_open_to_everyone_never_allows_credentials():
    async with client(application(policy(origins=(ALLOWED,)))) as api:
        answer = await api.get("/kept", headers={"Origin": ALLOWED})
    assert answer.headers.get_list("access-control-allow-origin") == ["*"]
    assert "access-control-allow-credentials" not in answer.headers


async def test_without_the_setting_no_origin_is_allowed():
    async with client() as api:
        answer = await api.get("/origin", headers={"Origin": ALLOWED})
    assert not [name for name in answer.headers if name.startswith("access-control-")]
