"""Every request's log lines say who asked and what was decided."""

import asyncio
import logging

import pytest
from fastapi import Depends, FastAPI

from auth_service_sdk import AuthContextFilter, log_context, require_role

pytestmark = pytest.mark.anyio
NOBODY = dict.fromkeys(("auth_sub", "auth_kind", "auth_client_id", "auth_sid", "auth_decision"))
PREFLIGHT = {"origin": "https://shop.example", "access-control-request-method": "POST"}
_log = logging.getLogger("orders")


class Lines(logging.Handler):
    """Keeps what each record says of the caller, as a formatter would find it."""

    def __init__(self):
        super().__init__()
        self.seen = []
        self.text = ""
        self.addFilter(AuthContextFilter())

    def emit(self, record):
        self.seen.append((record.name, {name: getattr(record, name) for name in NOBODY}))
        self.text += repr(record.__dict__)

    def of(self, name):
        return [said for logger, said in self.seen if logger == name]


@pytest.fixture
def lines():
    handler = Lines()
    root = logging.getLogger()
    levels = {logger: logger.level for logger in (root, logging.getLogger("auth_service_sdk"), _log)}
    root.addHandler(handler)
    for logger in levels:
        logger.setLevel(logging.INFO)
    yield handler
    root.removeHandler(handler)
    for logger, level in levels.items():
        logger.setLevel(level)


@pytest.fixture
def talkative(guard):
    app = FastAPI()

    @app.get("/open")
    async def without_rule():
        _log.info("served")

    @app.get("/thread")
    def in_a_thread():
        _log.info("served")

    @app.get("/task")
    async def in_a_task():
        await asyncio.create_task(asyncio.to_thread(_log.info, "served"))

    @app.get("/admin", dependencies=[Depends(require_role("admin"))])
    async def admin():
        _log.info("served")

    @app.get("/broken")
    async def broken():
        raise LookupError("a bug")

    return guard(app, public_paths=["/public", "/open/door"])


def bearer(token):
    return {"authorization": f"Bearer {token}"}


def said(decision, **claims):
    return {
        "auth_sub": claims.get("sub"),
        "auth_kind": "user" if claims else None,
        "auth_client_id": claims.get("client_id"),
        "auth_sid": claims.get("sid"),
        "auth_decision": decision,
    }


@pytest.mark.parametrize("path", ["/open", "/thread", "/task"])
async def test_lines_of_a_served_request_name_its_caller(issuer, talkative, lines, path):
    claims = {"sub": "u-1", "client_id": "first-party", "sid": "s-1"}
    token = issuer.mint(**claims)
    for _ in ("cold", "warm"):
        assert (await talkative.get(path, headers=bearer(token))).status_code == 200
    assert lines.of("orders") == [said("allowed", **claims)] * 2


async def test_service_is_named_by_its_kind_and_has_no_session(issuer, talkative, lines):
    await talkative.get("/open", headers=bearer(issuer.mint(sub="c_1", client_id="c_1", sid=...)))
    assert lines.of("orders") == [
        said("allowed", sub="c_1", client_id="c_1", sid=None) | {"auth_kind": "service"},
    ]


async def test_refusal_of_an_unknown_caller_is_logged_with_its_code(issuer, talkative, lines):
    await talkative.get("/open")
    await talkative.get("/open", headers=bearer(issuer.mint(aud="billing-api", sub="u-9")))
    assert lines.of("auth_service_sdk")[-2:] == [said("refused:missing_token"), said("refused:invalid_token")]


async def test_refusal_by_a_rule_names_who_was_refused(issuer, talkative, lines):
    claims = {"sub": "u-2", "client_id": "c", "sid": "s-2"}
    await talkative.get("/admin", headers=bearer(issuer.mint(**claims)))
    assert lines.of("auth_service_sdk")[-1] == said("refused:insufficient_role", **claims)
    assert lines.of("orders") == []


@pytest.mark.parametrize(("method", "path", "decision"), [("GET", "/open", "public"), ("OPTIONS", "/x", "preflight")])
async def test_open_doors_are_called_what_they_are(issuer, guard, lines, method, path, decision):
    async def app(_scope, _receive, send):
        _log.info("served")
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    api = guard_around(app, issuer)
    await api.request(method, path, headers=PREFLIGHT)
    assert lines.of("orders") == [said(decision)]


def guard_around(app, issuer):
    import httpx2

    from auth_service_sdk import JWTAuthMiddleware

    app = JWTAuthMiddleware(app, auth_base_url=issuer.url, expected_audience="orders-api", public_paths=["/open"])
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://orders")


async def test_websocket_has_the_same_context(issuer, api, lines):
    sent = []
    token = issuer.mint(sub="u-3", roles=["guest"])
    scope = {
        "type": "websocket",
        "path": "/ws",
        "raw_path": b"/ws",
        "root_path": "",
        "query_string": b"",
        "headers": [(b"authorization", f"Bearer {token}".encode())],
        "extensions": {},
    }

    async def receive():
        return {"type": "websocket.connect"}

    async def send(message):
        sent.append(message)

    await api.app(scope, receive, send)
    assert sent[0]["code"] == 1008
    assert lines.of("auth_service_sdk")[-1]["auth_sub"] == "u-3"
    assert lines.of("auth_service_sdk")[-1]["auth_decision"] == "refused:insufficient_role"
    assert log_context() == NOBODY


async def test_one_request_leaves_nothing_behind_for_the_next(issuer, talkative, lines):
    await talkative.get("/open", headers=bearer(issuer.mint()))
    assert log_context() == NOBODY
    await talkative.get("/admin", headers=bearer(issuer.mint()))
    assert log_context() == NOBODY
    await talkative.get("/open")
    assert lines.of("auth_service_sdk")[-1] == said("refused:missing_token")
    assert log_context() == NOBODY


async def test_requests_at_once_keep_their_own_context(issuer, talkative, lines):
    tokens = [issuer.mint(sub=f"u-{number}") for number in range(8)]
    await asyncio.gather(*(talkative.get("/task", headers=bearer(token)) for token in tokens * 2))
    assert sorted(line["auth_sub"] for line in lines.of("orders")) == sorted(f"u-{n}" for n in range(8) for _ in "ab")


async def test_traceback_of_a_server_still_names_the_caller(issuer, talkative):
    async def serve():
        await talkative.get("/broken", headers=bearer(issuer.mint(sub="u-4")))
        return log_context()

    assert (await asyncio.create_task(serve()))["auth_sub"] == "u-4"


async def test_token_is_in_no_record(issuer, talkative, lines):
    tokens = [issuer.mint(), issuer.mint(aud="billing-api"), issuer.mint(exp=5), "rubbish.rubbish.rubbish"]
    for token in tokens:
        for path in ("/open", "/admin"):
            await talkative.get(path, headers=bearer(token))
    assert len(lines.seen) > len(tokens)
    assert not any(part in lines.text for token in tokens for part in token.split("."))


def test_default_stands_for_what_is_not_known():
    record = logging.makeLogRecord({})
    assert AuthContextFilter(default="-").filter(record) is True
    assert {getattr(record, name) for name in NOBODY} == {"-"}


def test_record_that_carries_a_context_already_keeps_it():
    record = logging.makeLogRecord({"auth_sub": "u-5", "auth_decision": "allowed"})
    AuthContextFilter().filter(record)
    assert record.auth_sub == "u-5"


def test_named_filter_drops_other_loggers_as_the_standard_one_does():
    assert AuthContextFilter("orders").filter(logging.makeLogRecord({"name": "billing"})) is False
