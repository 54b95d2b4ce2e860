"""Spans as a collector receives them: one for each request, and no secret in any byte."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import httpx2
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.trace import Status, StatusCode

from app.foundation.settings import TelemetrySettings
from app.foundation.spans import redact_query, without_secrets
from app.main import create_app
from tests.support import ISSUER, PASSWORD, People

pytestmark = pytest.mark.anyio

SECRET = "Sp1ced-S3cret-Value"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"


class Collector:
    """An OTLP/HTTP receiver."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                assert self.path == "/v1/traces"
                collector.headers.append({name.lower(): value for name, value in self.headers.items()})
                collector.bodies.append(self.rfile.read(int(self.headers["content-length"])))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def spans(self) -> list:
        requests = [ExportTraceServiceRequest.FromString(body) for body in self.bodies]
        return [
            span
            for request in requests
            for each in request.resource_spans
            for s in each.scope_spans
            for span in s.spans
        ]

    def resources(self) -> list[dict[str, str]]:
        requests = [ExportTraceServiceRequest.FromString(body) for body in self.bodies]
        return [
            {a.key: a.value.string_value for a in each.resource.attributes}
            for r in requests
            for each in r.resource_spans
        ]


def attributes(span) -> dict[str, str]:
    return {a.key: a.value.string_value or str(a.value.int_value) for a in span.attributes}


@pytest.fixture
def collector() -> Iterator[Collector]:
    receiver = Collector()
    thread = threading.Thread(target=receiver.server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield receiver
    receiver.server.shutdown()
    receiver.server.server_close()
    thread.join()


class Traced:
    """The service with spans on; they have arrived when the block ends."""

    def __init__(self, services, **telemetry: object) -> None:
        settings = services.settings.model_copy(update={"telemetry": TelemetrySettings(**telemetry)})
        self._app = create_app(services=replace(services, settings=settings))
        self._lifespan = self._app.router.lifespan_context(self._app)

    async def __aenter__(self) -> httpx2.AsyncClient:
        await self._lifespan.__aenter__()
        self._client = httpx2.AsyncClient(transport=httpx2.ASGITransport(self._app), base_url=ISSUER)
        return self._client

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()
        await self._lifespan.__aexit__(None, None, None)


async def test_each_request_is_one_span_of_its_trace(services, collector, events):
    async with Traced(services, otlp_endpoint=collector.url, service_name="auth-here") as api:
        traceparent = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
        await People(api).sign_up()
        body = {"email": "ann@example.com", "password": PASSWORD}
        followed = await api.post("/auth/login", json=body, headers=traceparent)
        own = await api.get("/.well-known/jwks.json")
        await api.get("/health/live")
    spans = {span.name: span for span in collector.spans()}
    assert sorted(spans) == ["GET /.well-known/jwks.json", "POST /auth/login", "POST /auth/signup"]
    assert len(collector.spans()) == 3
    login, jwks = spans["POST /auth/login"], spans["GET /.well-known/jwks.json"]
    assert login.trace_id.hex() == followed.headers["x-trace-id"] == TRACE
    assert login.parent_span_id.hex() == PARENT
    assert jwks.trace_id.hex() == own.headers["x-trace-id"]
    assert attributes(jwks)["http.route"] == "/.well-known/jwks.json"
    assert attributes(login)["http.response.status_code"] == "200"
    assert (await events.of("session.created"))[-1]["trace_id"] == TRACE
    assert collector.resources()[0]["service.name"] == "auth-here"


async def test_no_secret_is_in_any_exported_byte(services, collector):
    tokens: dict[str, str] = {}
    async with Traced(services, otlp_endpoint=collector.url, otlp_headers="authorization=Bearer mine") as api:
        people = People(api)
        tokens = await people.signed_in()
        names = ("code", "state", "token", "id_token_hint", "request", "login_hint", "refresh_token", "key", "anything")
        for path in ("/auth/login", "/auth/me", "/.well-known/jwks.json", f"/nowhere/{SECRET}", f"/auth/{SECRET}/x"):
            await api.get(path, params=dict.fromkeys(names, SECRET) | {"audience": tokens["access_token"]})
            await api.get(f"{path}?{SECRET}&{SECRET}=1")
        headers = {
            "Authorization": f"Bearer {tokens['access_token']}",
            "Cookie": f"session={SECRET}",
            "traceparent": f"00-{TRACE}-{PARENT}-01",
            "tracestate": f"vendor={SECRET}",
            "baggage": f"token={SECRET}",
        }
        await api.get("/auth/me", headers=headers)
        await api.post("/auth/login", json={"email": "ann@example.com", "password": SECRET})
        await api.post("/auth/login", content=SECRET, headers={"Content-Type": "application/json"})
    assert len(collector.spans()) == 15
    sent = b"".join(collector.bodies)
    for secret in (SECRET, PASSWORD, *tokens["access_token"].split("."), tokens["refresh_token"]):
        assert secret.encode() not in sent
    queries = [attributes(span).get("url.query", "") for span in collector.spans()]
    assert any("code=%5Bredacted%5D" in query and "state=%5Bredacted%5D" in query for query in queries)
    assert collector.headers[0]["authorization"] == "Bearer mine"


async def test_a_caller_cannot_ask_to_be_traced_but_to_be_left_out(services, collector):
    for ratio, flag in ((0.0, "01"), (1.0, "00")):
        async with Traced(services, otlp_endpoint=collector.url, sample_ratio=ratio) as api:
            answer = await api.get("/auth/me", headers={"traceparent": f"00-{TRACE}-{PARENT}-{flag}"})
            assert answer.headers["x-trace-id"] == TRACE
    assert collector.spans() == []


async def test_without_a_collector_nothing_is_made(services, collector):
    async with Traced(services) as api:
        answer = await api.get("/auth/me", headers={"traceparent": f"00-{TRACE}-{PARENT}-01"})
    assert answer.headers["x-trace-id"] == TRACE
    assert collector.bodies == []


async def test_a_collector_that_is_away_costs_no_request(services):
    async with Traced(services, otlp_endpoint="http://127.0.0.1:1") as api:
        assert (await api.get("/.well-known/jwks.json")).status_code == 200


def test_of_a_query_only_what_is_harmless_is_kept():
    shown = parse_qs(redact_query(f"code={SECRET}&scope=openid&X{SECRET}=1&limit=eyJhbGciOiJSUzI1NiJ9.e30.c2ln"))
    assert shown == {"code": ["[redacted]"], "scope": ["openid"], "[redacted]": ["[redacted]"], "limit": ["[redacted]"]}


def test_events_and_status_are_redacted_too():
    token = ".".join(("eyJhbGciOiJSUzI1NiJ9", "e30", "c2ln"))
    span = ReadableSpan(
        name=f"GET {token}",
        attributes={"password": SECRET, "http.request.header.authorization": [token], "note": token, "count": 3},
        events=[Event("exception", {"exception.message": f"refused {token}"})],
        status=Status(StatusCode.ERROR, f"bad {token}"),
    )
    shown = without_secrets(span)
    assert token not in repr(
        (shown.name, dict(shown.attributes), dict(shown.events[0].attributes), shown.status.description)
    )
    assert shown.attributes["password"] == "[redacted]"
    assert shown.attributes["count"] == 3


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("otlp_endpoint", "collector:4318"),
        ("otlp_endpoint", f"http://user:{SECRET}@collector:4318"),
        ("otlp_endpoint", "http://collector:4318?x=1"),
        ("otlp_headers", "no equals sign"),
        ("sample_ratio", 1.5),
        ("service_name", ""),
    ],
)
def test_a_wrong_setting_is_refused(name, value):
    with pytest.raises(ValueError, match=name):
        TelemetrySettings(**{name: value})
