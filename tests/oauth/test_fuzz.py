"""Requests of every make to the authorization and token endpoints: none breaks us, none is led astray or let in.

A short run by default; `FUZZ_REQUESTS=100000` makes it as long as it is asked to be.
"""

import os
import sys
from collections import Counter
from collections.abc import Mapping
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.types import ASGIApp, Message

from app.main import create_app
from app.protocols.oauth.registration import AuthMethod
from app.wiring import Services
from tests.oauth.conftest import MakeClient
from tests.oauth.people_at_browsers import AUTHORIZE, CALLBACK, CHALLENGE, VERIFIER, Browser

pytestmark = pytest.mark.anyio

REQUESTS = int(os.environ.get("FUZZ_REQUESTS", "400"))
BATCH = 20
OWN_PLACES = ("/login?flow=", "/oauth/consent?flow=", f"{AUTHORIZE}?")
COUNTED: Counter[str] = Counter()

TEXT = st.text(max_size=40) | st.sampled_from(
    [
        "",
        " ",
        "\0",
        "null",
        "[]",
        "{}",
        "-1",
        "0",
        "1e9",
        "%00",
        "\r\nLocation: https://evil.test",
        "<script>",
        "x" * 3000,
    ]
)
PLACES = st.sampled_from(
    [
        CALLBACK,
        CALLBACK + "/",
        CALLBACK + "?a=b",
        CALLBACK + "#x",
        CALLBACK + "/../x",
        CALLBACK.replace("https", "http"),
        "https://client.example.com@evil.test/cb",
        "https://client.example.com.evil.test/cb",
        "http://127.0.0.1:1/cb",
        "//evil.test",
        "/oauth/consent",
        "javascript:alert(1)",
        "https://evil.test/cb",
    ]
)
# Which client it is, is only known when it is registered.
CLIENTS = st.sampled_from(["{trusted}", "{asking}", "{secret}", "c_" + "x" * 22, "first-party"])
WORDS: Mapping[str, st.SearchStrategy[str]] = {
    "client_id": CLIENTS,
    "redirect_uri": PLACES,
    "response_type": st.sampled_from(["code", "token", "id_token", "code token", "none"]),
    "response_mode": st.sampled_from(["query", "fragment", "form_post", "query.jwt"]),
    "scope": st.sampled_from(["openid", "openid email", "orders:read", "admin", "offline_access", "openid  x"]),
    "state": st.sampled_from(["s", "s" * 2049]),
    "nonce": st.sampled_from(["n", "n" * 513]),
    "prompt": st.sampled_from(["none", "login", "consent", "select_account", "none login"]),
    "max_age": st.sampled_from(["0", "60", "-1"]),
    "claims": st.sampled_from(['{"id_token":{"acr":{"essential":true,"value":"phr"}}}', '{"userinfo":{"email":null}}']),
    "acr_values": st.sampled_from(["aal1", "aal2 phr", "gold"]),
    "id_token_hint": st.sampled_from(["e30.e30.e30", "x"]),
    "code_challenge": st.sampled_from([CHALLENGE, CHALLENGE[:-1], VERIFIER + "="]),
    "code_challenge_method": st.sampled_from(["S256", "plain"]),
    "audience": st.sampled_from(["orders-api", "billing-api", "self", ":userinfo", "http://localhost:8000"]),
    "resource": st.sampled_from(["https://orders.test", "http://localhost:8000"]),
    "request": st.sampled_from(["eyJhbGciOiJub25lIn0.e30."]),
    "request_uri": st.sampled_from(["http://127.0.0.1:1/x"]),
    "flow": st.sampled_from(["x" * 22]),
    "login_hint": st.sampled_from(["petra@example.com"]),
    "ui_locales": st.sampled_from(["de fr", "x-y-z"]),
    "grant_type": st.sampled_from(
        ["authorization_code", "refresh_token", "client_credentials", "password", "implicit"]
    ),
    "code": st.sampled_from(["x" * 43]),
    "code_verifier": st.sampled_from([VERIFIER]),
    "refresh_token": st.sampled_from(["rt_x_y", "rt_019aa000-0000-7000-8000-000000000000_" + "x" * 43]),
    "client_secret": st.sampled_from(["x"]),
    "client_assertion": st.sampled_from(["e30.e30.e30"]),
    "client_assertion_type": st.sampled_from(["urn:ietf:params:oauth:client-assertion-type:jwt-bearer"]),
}
RIGHT = {
    "client_id": "{trusted}",
    "redirect_uri": CALLBACK,
    "response_type": "code",
    "scope": "openid",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
    "grant_type": "authorization_code",
    "code": "x" * 43,
    "code_verifier": VERIFIER,
}
PAIR = st.sampled_from(sorted(WORDS)).flatmap(lambda name: st.tuples(st.just(name), WORDS[name] | TEXT))
# A right request with some things changed, left out, repeated or added; or whatever pairs; or no pairs at all.
PAIRS = st.builds(
    lambda kept, more: [*((name, RIGHT[name]) for name in sorted(kept)), *more],
    st.sets(st.sampled_from(sorted(RIGHT)), min_size=5) | st.just(set(RIGHT)),
    st.lists(PAIR | st.tuples(TEXT, TEXT), max_size=4),
)
REQUEST = st.tuples(
    st.sampled_from(["GET", "POST", "TOKEN"]), PAIRS.map(urlencode) | st.text(max_size=60).map(quote), st.booleans()
)


async def ask(app: ASGIApp, method: str, encoded: bytes, cookie: str) -> tuple[int, dict[str, str], bytes]:
    """Ask without a client that would mend what is odd."""
    path = "/oauth/token" if method == "TOKEN" else AUTHORIZE
    is_get = method == "GET"
    headers = [(b"host", b"localhost:8000"), (b"cookie", cookie.encode())]
    if not is_get:
        headers.append((b"content-type", b"application/x-www-form-urlencoded"))
    scope = {
        "type": "http",
        "http_version": "1.1",
        "scheme": "http",
        "root_path": "",
        "server": ("localhost", 8000),
        "client": ("127.0.0.1", 1),
        "method": "GET" if is_get else "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": encoded if is_get else b"",
        "headers": headers,
        "extensions": {},
        "state": {},
    }
    sent: list[Message] = []
    body = iter([{"type": "http.request", "body": b"" if is_get else encoded, "more_body": False}])

    async def receive() -> Message:
        return next(body, {"type": "http.disconnect"})

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    told = {name.decode().lower(): value.decode("latin-1") for name, value in sent[0]["headers"]}
    return sent[0]["status"], told, b"".join(message.get("body", b"") for message in sent[1:])


def judge(method: str, encoded: bytes, answer: tuple[int, dict[str, str], bytes], *, signed_in: bool) -> None:
    status, headers, body = answer
    COUNTED[f"{method} {status}"] += 1
    assert status < 500, (method, encoded, body)
    assert b"access_token" not in body, encoded
    assert "access_token" not in headers.get("location", ""), encoded
    if "location" in headers:
        place = headers["location"]
        assert place.startswith((CALLBACK + "?", CALLBACK + "#", *OWN_PLACES)), (encoded, place)
        assert "\n" not in place, encoded
        if "code=" in place.partition("?")[2].partition("#")[0] and place.startswith(CALLBACK):
            COUNTED["codes"] += 1
            assert signed_in, encoded
            assert CHALLENGE.encode() in encoded, encoded


async def fuzz_once(app: ASGIApp, requests: list[tuple[str, str, bool]], ids: Mapping[str, str], cookie: str) -> None:
    for method, encoded, signed_in in requests:
        raw = encoded
        for name, client_id in ids.items():
            raw = raw.replace(quote("{" + name + "}"), client_id)
        answer = await ask(app, method, raw.encode("latin-1"), cookie if signed_in else "")
        judge(method, raw.encode("latin-1"), answer, signed_in=signed_in)


@pytest.mark.attack("AUT-01")
@pytest.mark.attack("AUT-11")
async def test_no_request_breaks_us_is_led_astray_or_gets_a_token(services: Services, make_client: MakeClient):
    people = {"grant_types": ("authorization_code", "refresh_token"), "redirect_uris": (CALLBACK,)}
    trusted = await make_client(**people, auth_method=AuthMethod.NONE, consent_required=False)
    asking = await make_client(**people, auth_method=AuthMethod.NONE)
    secret = await make_client(**people, consent_required=False)
    ids = {"trusted": trusted.client_id, "asking": asking.client_id, "secret": secret.client_id}
    browser = Browser(services)
    await browser.http.post(
        "/auth/signup", json={"email": "petra@example.com", "password": "correct horse battery staple"}
    )
    await browser.sign_in()
    cookie = "; ".join(f"{name}={value}" for name, value in browser.http.cookies.items())
    app = create_app(services=services)
    drawn: list[list[tuple[str, str, bool]]] = []

    @settings(
        max_examples=max(1, REQUESTS // BATCH), deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(st.lists(REQUEST, min_size=BATCH, max_size=BATCH))
    def draw(requests: list[tuple[str, str, bool]]) -> None:
        drawn.append(requests)

    draw()
    for requests in drawn:
        await fuzz_once(app, requests, ids, cookie)
    await browser.http.aclose()
    sys.stdout.write(f"{dict(sorted(COUNTED.items()))}\n")
    assert sum(COUNTED.values()) - COUNTED["codes"] >= REQUESTS
