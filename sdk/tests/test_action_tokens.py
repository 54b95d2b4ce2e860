import asyncio
import base64
import json
import time
from hashlib import sha256

import pytest
from fastapi import Depends, FastAPI, Request
from starlette.responses import JSONResponse, Response

from auth_service_sdk import Identity, JWTAuthMiddleware, require_acr, require_action_token, require_user
from auth_service_sdk.testing import AuthAs
from auth_service_sdk.testing import Issuer as InProcessIssuer

pytestmark = pytest.mark.anyio

CONSUME = "/auth/action-tokens/consume"


def application():
    app = FastAPI()
    app.state.done = []

    @app.post("/orders/{number}/refund", dependencies=[Depends(require_action_token("orders.refund"))])
    async def refund(number: int, request: Request):
        app.state.done.append(number)
        return {"body": (await request.body()).decode()}

    async def stream(request: Request):
        async for _ in request.stream():
            pass

    @app.post("/stream", dependencies=[Depends(stream), Depends(require_action_token("orders.refund"))])
    async def streamed():
        return {}

    return app


@pytest.fixture
def service(issuer, guard, monkeypatch):
    """A guarded application with client credentials; `asked` holds what it asked of the issuer."""
    monkeypatch.setenv("AUTH_CLIENT_ID", "c_1")
    monkeypatch.setenv("AUTH_CLIENT_SECRET", "s:e%cret")
    api = guard(application())
    api.asked = []
    issuer.bodies = api.asked

    def consume(request):
        return _Consume(request, api)

    issuer.answers[CONSUME] = consume
    api.outcome = lambda claims: {"active": True, "sub": claims["sub"]}
    return api


class _Consume(Response):
    """Reads the question before it answers."""

    def __init__(self, request, api):
        super().__init__()
        self._request, self._api = request, api

    async def __call__(self, scope, receive, send):
        body = json.loads(await self._request.body())
        self._api.asked.append((self._request.headers["authorization"], body))
        payload = body["action_token"].split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        outcome = self._api.outcome(claims)
        response = outcome if isinstance(outcome, Response) else JSONResponse(outcome)
        await response(scope, receive, send)


def pair(issuer, *, header=None, session=None, **changes):
    """Headers with a token of a session, and an action token of the same unless changed."""
    session = session or issuer.claims()
    now = int(time.time())
    claims = {name: session[name] for name in ("iss", "sub", "aud", "sid")}
    claims |= {"action": "orders.refund", "jti": "j", "iat": now, "exp": now + 120} | changes
    claims = {name: value for name, value in claims.items() if value is not ...}
    action = issuer.mint(header={"typ": "action+jwt"} | (header or {}), payload=json.dumps(claims).encode())
    return {"authorization": f"Bearer {issuer.mint(**session)}", "x-action-token": action}


def hash_of(target, body=b"", method="POST"):
    digest = sha256(f"{method}\n{target}\n".encode() + body).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


async def test_a_confirmed_act_is_done_and_its_token_spent_last(issuer, service):
    headers = pair(issuer)
    answer = await service.post("/orders/7/refund", headers=headers)
    assert answer.status_code == 200, answer.text
    ((authorization, asked),) = service.asked
    expected = base64.b64encode(b"c_1:s%3Ae%25cret").decode()
    assert authorization == f"Basic {expected}"
    assert asked.pop("consumption_id")
    assert asked == {"action_token": headers["x-action-token"], "action": "orders.refund"}


async def test_without_an_action_token_the_challenge_names_the_act(issuer, service):
    answer = await service.post("/orders/7/refund", headers={"authorization": f"Bearer {issuer.mint()}"})
    assert (answer.status_code, answer.json()["code"]) == (403, "action_token_required")
    challenge = answer.headers["www-authenticate"]
    assert challenge.startswith("Bearer ")
    assert 'error="action_token_required"' in challenge
    assert 'action="orders.refund"' in challenge


@pytest.mark.parametrize(
    "changes",
    [
        {"action": "orders.delete"},
        {"action": ...},
        {"action": ["orders.refund"]},
        {"sub": "somebody-else"},
        {"sub": ...},
        {"sid": "another"},
        {"sid": ...},
        {"aud": "billing-api"},
        {"iss": "https://elsewhere.example.com"},
        {"exp": 1},
        {"exp": ...},
        {"cnf": {"jkt": "x"}},
        {"request_hash": hash_of("/orders/8/refund")},
        {"request_hash": hash_of("/orders/7/refund", method="PUT")},
        {"request_hash": hash_of("/orders/7/refund", b"other")},
        {"request_hash": hash_of("/orders/7/refund?a=1")},
        {"request_hash": 7},
        {"header": {"typ": "at+jwt"}},
        {"header": {"kid": "unknown"}},
    ],
    ids=str,
)
async def test_a_token_that_does_not_fit_is_refused_and_never_spent(issuer, service, changes):
    answer = await service.post("/orders/7/refund", headers=pair(issuer, **changes))
    assert (answer.status_code, answer.json()["code"]) == (403, "invalid_action_token")
    assert service.asked == []
    assert service.app.state.done == []


@pytest.mark.parametrize("token", ["", "a.b.c", "ä", "x" * 20_000])
async def test_what_is_no_token_is_refused(issuer, service, token):
    headers = {"authorization": f"Bearer {issuer.mint()}", "x-action-token": token.encode()}
    answer = await service.post("/orders/7/refund", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "invalid_action_token")
    assert service.asked == []


async def test_two_action_tokens_are_refused(issuer, service):
    headers = pair(issuer)
    twice = [*headers.items(), ("x-action-token", headers["x-action-token"])]
    answer = await service.post("/orders/7/refund", headers=twice)
    assert (answer.status_code, answer.json()["code"]) == (403, "invalid_action_token")
    assert service.asked == []


async def test_an_action_token_is_no_access_token(issuer, service):
    token = pair(issuer)["x-action-token"]
    answer = await service.post("/orders/7/refund", headers={"authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")


@pytest.mark.parametrize(
    ("url", "target", "body"),
    [
        ("/orders/7/refund", "/orders/7/refund", b""),
        ("/orders/7/refund", "/orders/7/refund?", b""),
        ("/orders/7/refund?a=%20b&c", "/orders/7/refund?a=%20b&c", b'{"why": "late"}'),
        ("/orders/%37/refund", "/orders/%37/refund", b"x"),
    ],
)
async def test_a_token_for_one_request_fits_that_request_and_leaves_its_body_to_the_route(
    issuer, service, url, target, body
):
    request_hash = hash_of(target, body)
    answer = await service.post(url, headers=pair(issuer, request_hash=request_hash), content=body)
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"body": body.decode()}
    assert service.asked[0][1]["request_hash"] == request_hash


async def test_a_body_that_was_read_away_cannot_be_compared_and_is_refused(issuer, service):
    headers = pair(issuer, request_hash=hash_of("/stream", b"x"))
    answer = await service.post("/stream", headers=headers, content=b"x")
    assert (answer.status_code, answer.json()["code"]) == (403, "invalid_action_token")
    assert (await service.post("/stream", headers=pair(issuer), content=b"x")).status_code == 200


async def test_a_spent_token_is_refused(issuer, service):
    service.outcome = lambda _: {"active": False}
    answer = await service.post("/orders/7/refund", headers=pair(issuer))
    assert (answer.status_code, answer.json()["code"]) == (403, "invalid_action_token")
    service.outcome = lambda _: {"active": True, "sub": "somebody-else"}
    assert (await service.post("/orders/7/refund", headers=pair(issuer))).status_code == 403
    assert service.app.state.done == []


@pytest.mark.parametrize(
    "outcome",
    [
        Response(status_code=500),
        Response(status_code=401),
        Response(status_code=403),
        Response("no json"),
        JSONResponse([]),
        JSONResponse({}),
        JSONResponse({"active": "true"}),
        Response("x" * 100_000),
    ],
    ids=lambda outcome: f"{outcome.status_code}-{outcome.body[:20]!r}",
)
async def test_when_the_service_gives_no_answer_nothing_is_done(issuer, service, outcome):
    service.outcome = lambda _: outcome
    answer = await service.post("/orders/7/refund", headers=pair(issuer))
    assert (answer.status_code, answer.json()["code"]) == (503, "action_token_state_unknown")
    assert answer.headers["retry-after"] == "1"
    assert service.app.state.done == []


async def test_without_credentials_nothing_is_spent_and_the_log_says_why(issuer, guard, caplog):
    answer = await guard(application()).post("/orders/7/refund", headers=pair(issuer))
    assert (answer.status_code, answer.json()["code"]) == (503, "action_token_state_unknown")
    assert "AUTH_CLIENT_ID" in caplog.text


@pytest.mark.parametrize("name", ["", "Orders", "a b", "a..b", "x" * 65, None])
def test_an_act_is_named_by_the_rule(name):
    with pytest.raises(ValueError, match=r"orders\.refund"):
        require_action_token(name)


@pytest.mark.spec("RFC 9470 §3")
@pytest.mark.parametrize(
    ("wanted", "acr", "status"),
    [
        (("aal2",), "aal1", 401),
        (("aal2",), "aal2", 200),
        (("aal2",), "phr", 200),
        (("aal1",), "0", 401),
        (("phr",), "aal2", 401),
        (("gold", "phr"), "gold", 200),
        (("gold",), "phr", 401),
        (("aal2",), ..., 401),
    ],
)
async def test_a_level_is_asked_for_by_a_challenge(issuer, guard, wanted, acr, status):
    app = FastAPI()

    @app.get("/", dependencies=[Depends(require_acr(*wanted))])
    async def root():
        return {}

    answer = await guard(app).get("/", headers={"authorization": f"Bearer {issuer.mint(acr=acr)}"})
    assert answer.status_code == status
    if status == 401:
        challenge = answer.headers["www-authenticate"]
        assert 'error="insufficient_user_authentication"' in challenge
        assert f'acr_values="{" ".join(wanted)}"' in challenge
        assert "max_age" not in challenge


async def test_the_issuer_of_tests_confirms_acts_once():
    app = application()
    app.add_middleware(JWTAuthMiddleware, auth_base_url="https://auth.example.com", expected_audience="orders-api")
    import httpx2

    transport = httpx2.ASGITransport(app)
    with InProcessIssuer() as issuer:
        auth_as = AuthAs(issuer, app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://test") as api:
            headers = auth_as.confirmed(auth_as(), "orders.refund")
            answers = await asyncio.gather(*(api.post("/orders/1/refund", headers=headers) for _ in range(3)))
            assert sorted(answer.status_code for answer in answers) == [200, 403, 403]
            other = auth_as.confirmed(auth_as(), "orders.delete")
            assert (await api.post("/orders/1/refund", headers=other)).status_code == 403


async def test_an_overridden_caller_still_needs_a_token_of_its_own(issuer, service):
    service.app.dependency_overrides[require_user] = lambda: Identity(sub="made up")
    answer = await service.post("/orders/7/refund", headers=pair(issuer))
    assert (answer.status_code, answer.json()["code"]) == (403, "invalid_action_token")
