"""Tokens that come in a browser's cookie."""

import pytest

from auth_service_sdk import JWTAuthMiddleware

pytestmark = pytest.mark.anyio

NAME = "__Host-access"
SPA = "https://app.example.com"


@pytest.fixture
def api(guard):
    return guard(cookie=NAME, allowed_origins=[SPA], public_paths=["/public"], base_url="http://orders")


@pytest.fixture
def carry(api, issuer):
    """Call with a token in the cookie and return the answer."""

    async def call(method="GET", path="/open", *, token=None, **headers):
        sent = {"cookie": f"theme=dark; {NAME}={token or issuer.mint()}; x=y", **headers}
        return await api.request(method, path, headers={name.replace("_", "-"): value for name, value in sent.items()})

    return call


def refused(answer, status, code):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == code
    assert answer.json()["trace_id"] == answer.headers["x-trace-id"]
    return answer


async def test_a_token_in_the_cookie_is_a_token(carry):
    for _ in range(2):
        answer = await carry(path="/whoami")
        assert answer.status_code == 200
        assert answer.json()["roles"] == ["clerk"]


async def test_a_token_in_the_header_is_served_as_before(api, issuer):
    headers = {"authorization": f"Bearer {issuer.mint()}", "cookie": "theme=dark"}
    for _ in range(2):
        assert (await api.request("DELETE", "/open", headers=headers)).status_code == 200


async def test_without_the_argument_a_cookie_is_nothing(guard, issuer):
    answer = await guard().get("/open", headers={"cookie": f"{NAME}={issuer.mint()}"})
    refused(answer, 401, "missing_token")


@pytest.mark.attack("SDK-04")
async def test_bearer_and_cookie_with_different_users_are_refused(api, issuer, carry):
    header = f"Bearer {issuer.mint()}"
    # Even when the header's token is known already.
    assert (await api.get("/open", headers={"authorization": header})).status_code == 200
    for value in (header, "Bearer x", "Basic eDp5", ""):
        answer = refused(await carry(authorization=value), 400, "ambiguous_credentials")
        assert 'error="invalid_request"' in answer.headers["www-authenticate"]
    assert api.app.state.reached == ["GET"]


@pytest.mark.attack("SDK-04")
async def test_two_cookies_of_the_name_are_refused(api, issuer, raw):
    one, other = issuer.mint().encode(), issuer.mint().encode()
    name = NAME.encode()
    for headers in (
        [(b"cookie", name + b"=" + one + b"; " + name + b"=" + other)],
        [(b"cookie", name + b"=" + one), (b"cookie", name + b"=" + other)],
    ):
        assert (await raw(api.app, headers))[0] == 400


@pytest.mark.attack("SDK-04")
@pytest.mark.parametrize("value", [b"", b" ", b"x", b"a.b.c", b"\x00", b"\xff\xfe", b'{"sub": 1}', b"A" * 20_000])
async def test_a_malformed_cookie_is_refused_and_never_a_fault(api, raw, value):
    status, headers = await raw(api.app, [(b"cookie", NAME.encode() + b"=" + value)])
    assert status == 401
    assert headers[b"www-authenticate"].startswith(b"Bearer realm=")


async def test_cookies_whose_names_only_resemble_it_are_nothing(api, issuer):
    token = issuer.mint()
    for pair in (f"x{NAME}={token}", f"{NAME}x={token}", f"{NAME.lower()}={token}", f"y={NAME}={token}"):
        refused(await api.get("/open", headers={"cookie": pair}), 401, "missing_token")


FOREIGN = {
    "no Origin": {},
    "Origin null": {"origin": "null"},
    "another site": {"origin": "https://evil.test", "sec_fetch_site": "cross-site"},
    "sibling subdomain": {"origin": "https://x.app.example.com", "sec_fetch_site": "same-site"},
    "our name as a prefix": {"origin": f"{SPA}.evil.test"},
    "plain http": {"origin": "http://app.example.com"},
    "other port": {"origin": "http://orders:8080"},
    "only same-site": {"sec_fetch_site": "same-site"},
    "user typed": {"sec_fetch_site": "none"},
    "foreign, though it says same-origin": {"origin": "https://evil.test", "sec_fetch_site": "same-origin"},
}
OURS = {
    "allowed origin": {"origin": SPA, "sec_fetch_site": "cross-site"},
    "own origin": {"origin": "http://orders"},
    "fetch metadata alone": {"sec_fetch_site": "same-origin"},
    "form without referrer": {"origin": "null", "sec_fetch_site": "same-origin"},
    "behind a proxy that ends TLS": {"origin": "https://orders", "sec_fetch_site": "same-origin"},
}


@pytest.mark.attack("SES-03")
@pytest.mark.parametrize("where", FOREIGN)
async def test_an_unsafe_request_of_another_site_is_refused(api, carry, where):
    answer = refused(await carry("DELETE", **FOREIGN[where]), 403, "csrf_failed")
    assert "www-authenticate" not in answer.headers
    assert api.app.state.reached == []
    assert (await carry("GET", **FOREIGN[where])).status_code == 200


@pytest.mark.parametrize("where", OURS)
async def test_an_unsafe_request_of_our_own_page_is_served(carry, where):
    assert (await carry("DELETE", **OURS[where])).status_code == 200


async def test_two_origins_are_none(api, issuer, raw):
    headers = [(b"cookie", f"{NAME}={issuer.mint()}".encode()), (b"origin", SPA.encode()), (b"origin", SPA.encode())]
    assert (await raw(api.app, headers, method="DELETE"))[0] == 403


async def handshake(app, headers):
    sent = []

    async def send(message):
        sent.append(message)

    async def receive():
        return {"type": "websocket.connect"}

    scope = {
        "type": "websocket",
        "scheme": "ws",
        "path": "/ws",
        "raw_path": b"/ws",
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"orders"), *headers],
        "client": ("203.0.113.9", 5),
        "server": ("orders", 80),
        "subprotocols": [],
        "extensions": {"websocket.http.response": {}},
    }
    await app(scope, receive, send)
    return sent


@pytest.mark.attack("SES-03")
@pytest.mark.parametrize("where", [*FOREIGN, *OURS])
async def test_a_websocket_by_cookie_needs_our_own_page(api, issuer, where):
    told = (FOREIGN | OURS)[where]
    headers = [(name.replace("_", "-").encode(), value.encode()) for name, value in told.items()]
    sent = await handshake(api.app, [(b"cookie", f"{NAME}={issuer.mint()}".encode()), *headers])
    if where in OURS:
        assert sent[0]["type"] == "websocket.accept"
    else:
        assert (sent[0]["type"], sent[0]["status"]) == ("websocket.http.response.start", 403)
        assert b"csrf_failed" in sent[1]["body"]


async def test_a_websocket_with_a_bearer_token_needs_no_origin(api, issuer):
    sent = await handshake(api.app, [(b"authorization", f"Bearer {issuer.mint()}".encode())])
    assert sent[0]["type"] == "websocket.accept"


async def test_an_ended_session_s_cookie_is_refused(carry, issuer):
    token = issuer.mint(sid="over")
    issuer.revoked.add("over")
    refused(await carry(token=token), 401, "invalid_token")


@pytest.mark.parametrize("name", ["", "a b", "a=b", "a;b", "ä", b"x", 1])
def test_what_is_no_name_of_a_cookie_is_refused(name):
    with pytest.raises(ValueError, match="cookie must be"):
        JWTAuthMiddleware(None, auth_base_url="http://localhost", expected_audience="x", cookie=name)


@pytest.mark.parametrize(
    "origin",
    [
        "*",
        "null",
        "",
        "app.example.com",
        "https://app.example.com/",
        "https://app.example.com/x",
        "https://*.a.test",
        "https://u@a.test",
        "HTTPS://a.test",
        "https://A.test",
        "ftp://a.test",
        "https://a.test, https://b.test",
    ],
)
def test_what_no_browser_sends_as_an_origin_is_refused(origin):
    with pytest.raises(ValueError, match="is no origin"):
        JWTAuthMiddleware(
            None, auth_base_url="http://localhost", expected_audience="x", cookie="a", allowed_origins=[origin]
        )


def test_a_single_text_is_no_list_of_origins():
    with pytest.raises(TypeError, match="must be a list"):
        JWTAuthMiddleware(
            None, auth_base_url="http://localhost", expected_audience="x", cookie="a", allowed_origins=SPA
        )
