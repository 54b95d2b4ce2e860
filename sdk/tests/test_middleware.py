"""Who gets through to the application, and who does not."""

import asyncio
import re
import socket
import threading
import time

import pytest
import uvicorn

from auth_service_sdk import JWTAuthMiddleware

pytestmark = pytest.mark.anyio
PREFLIGHT = {"origin": "https://shop.example", "access-control-request-method": "POST"}


def bearer(token):
    return {"authorization": f"Bearer {token}"}


@pytest.fixture
def serve():
    """Run an ASGI application on a loopback port and return its address."""
    running = []

    def start(app):
        sock = socket.create_server(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", loop="asyncio", ws="websockets-sansio"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]})
        thread.start()
        running.append((server, thread, sock))
        while not server.started:
            time.sleep(0.005)
        return sock.getsockname()

    yield start
    for server, thread, sock in running:
        server.should_exit = True
        thread.join()
        sock.close()


@pytest.mark.attack("SDK-01")
async def test_route_without_a_rule_needs_a_token(api):
    answer = await api.get("/open")
    assert (answer.status_code, answer.json()["code"]) == (401, "missing_token")
    assert api.app.state.reached == []


@pytest.mark.attack("SDK-01")
@pytest.mark.parametrize("path", ["/openapi.json", "/docs", "/nowhere"])
async def test_path_that_nobody_listed_needs_a_token(api, path):
    assert (await api.get(path)).status_code == 401


@pytest.mark.attack("SDK-01")
async def test_listed_path_needs_none(guard):
    answer = await guard(public_paths=["/open"]).get("/open")
    assert (answer.status_code, answer.json()) == (200, {"sub": None})


@pytest.mark.attack("SDK-01")
async def test_token_in_the_query_string_counts_for_nothing(issuer, api):
    for name in ("access_token", "token"):
        assert (await api.get("/open", params={name: issuer.mint()})).json()["code"] == "missing_token"


async def test_valid_token_on_a_route_without_a_rule_is_served(issuer, knock):
    assert (await knock(issuer.mint(sub="u-1"))).json() == {"sub": "u-1"}


@pytest.mark.attack("SDK-05")
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE", "DELETE", "PROPFIND", "get", "X"])
async def test_no_method_opens_a_door(issuer, api, method, raw):
    assert (await raw(api.app, method=method))[0] == 401
    assert api.app.state.reached == []
    status, _ = await raw(api.app, [(b"authorization", f"Bearer {issuer.mint()}".encode())], method=method)
    assert status in (200, 405)


@pytest.mark.attack("SDK-05")
@pytest.mark.parametrize("present", [{"origin"}, {"access-control-request-method"}, set()])
async def test_options_that_is_no_preflight_needs_a_token(api, present):
    answer = await api.options("/open", headers={name: PREFLIGHT[name] for name in present})
    assert answer.status_code == 401
    assert api.app.state.reached == []


@pytest.mark.attack("SDK-05")
async def test_preflight_headers_open_no_other_method(api):
    assert (await api.get("/open", headers=PREFLIGHT)).status_code == 401
    assert (await api.options("/open", headers=PREFLIGHT | {"authorization": "Bearer x"})).status_code == 401


class Exploding(list):
    """Headers that a broken server hands over."""

    def __init__(self, error):
        super().__init__()
        self.error = error

    def __iter__(self):
        raise self.error


@pytest.mark.attack("SDK-06")
@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("a bug"), KeyError("x")], ids=["memory", "bug", "key"])
@pytest.mark.parametrize("path", ["/open", "/public"])
async def test_exception_inside_the_middleware_reaches_no_application(issuer, error, path):
    reached = []

    async def app(scope, _receive, _send):
        reached.append(scope)

    guarded = JWTAuthMiddleware(app, auth_base_url=issuer.url, expected_audience="a", public_paths=["/public"])
    with pytest.raises(type(error)):
        await guarded({"type": "http", "method": "GET", "path": path, "headers": Exploding(error)}, None, None)
    assert reached == []


@pytest.mark.attack("SDK-06")
async def test_bad_configuration_answers_500_and_never_serves(guard):
    api = guard(leeway=31)
    for _ in range(2):
        assert (await api.get("/open")).status_code == 500
    assert api.app.state.reached == []


@pytest.mark.attack("SDK-06")
async def test_exception_while_the_issuer_answers_rubbish_is_no_open_door(issuer, api):
    issuer.answers["/.well-known/jwks.json"] = issuer.answers["/auth/validate"] = lambda _request: 1 / 0
    assert (await api.get("/open", headers=bearer(issuer.mint()))).status_code == 503
    assert api.app.state.reached == []


async def test_known_token_of_another_request_opens_nothing_without_itself(issuer, knock, api):
    token = issuer.mint()
    answers = await asyncio.gather(*(knock(token) for _ in range(5)), *(api.get("/open") for _ in range(5)))
    assert [answer.status_code for answer in answers] == [200] * 5 + [401] * 5


async def test_user_of_one_request_is_not_the_user_of_the_next(issuer, guard, raw):
    api = guard(public_paths=["/open"])
    state = {}  # a server that hands one dictionary to all requests
    token = f"Bearer {issuer.mint()}".encode()
    assert (await raw(api.app, [(b"authorization", token)], state=state))[0] == 200
    assert state["user"] is not None
    await raw(api.app, state=state)
    assert state["user"] is None


async def test_real_server_serves_and_refuses(issuer, guard, serve):
    host, port = serve(guard().app)
    reader, writer = await asyncio.open_connection(host, port)
    for token, status in ((issuer.mint(), 200), ("rubbish", 401), (issuer.mint(aud="billing-api"), 401)):
        writer.write(f"GET /open HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        assert head.startswith(f"HTTP/1.1 {status}")
        length = re.search(r"content-length: (\d+)", head, re.IGNORECASE)
        await reader.readexactly(int(length.group(1)))
    writer.close()
    await writer.wait_closed()
