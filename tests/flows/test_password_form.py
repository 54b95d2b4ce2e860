"""Signing in by the OAuth2 password form of FastAPI's docs."""

import httpx2
import pytest

from tests.support import ISSUER, PASSWORD, bearer, claims_of

pytestmark = pytest.mark.anyio

FORM = {"username": "ann@example.com", "password": PASSWORD}


def oauth_error(answer: httpx2.Response, status: int, error: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert body["error"] == error, body
    assert body["trace_id"] == answer.headers["x-trace-id"]
    assert PASSWORD not in answer.text


@pytest.mark.spec("RFC 6749 §4.3.2")
async def test_the_form_gives_tokens_that_open_our_own_routes(api, people, events):
    await people.sign_up()
    answer = await api.post("/token", data={"grant_type": "password", "scope": "", "client_id": "", **FORM})
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["pragma"] == "no-cache"
    tokens = answer.json()
    assert tokens["token_type"] == "Bearer"
    assert claims_of(tokens["access_token"])["aud"] == ISSUER
    assert (await api.get("/auth/me", headers=bearer(tokens))).status_code == 200
    assert len(await events.of("session.created")) == 1


@pytest.mark.parametrize("address", ["/token", "/token?audience=orders-api"])
async def test_an_audience_may_stand_in_the_form_or_in_the_address(api, people, address):
    await people.sign_up()
    more = {} if "?" in address else {"audience": "orders-api"}
    answer = await api.post(address, data=FORM | more, headers={"Authorization": "Basic Og=="})
    assert claims_of(answer.json()["access_token"])["aud"] == "orders-api"


async def test_a_wrong_password_is_answered_with_a_challenge_and_like_an_unknown_address(api, people, events):
    await people.sign_up()
    wrong = await api.post("/token", data=FORM | {"password": "another long password"})
    unknown = await api.post("/token", data=FORM | {"username": "bob@example.com"})
    for answer in (wrong, unknown):
        oauth_error(answer, 401, "invalid_grant")
        assert answer.headers["www-authenticate"] == "Bearer"
    assert {**wrong.json(), "trace_id": ""} == {**unknown.json(), "trace_id": ""}
    assert len(await events.of("login.failed")) == 2


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"username": ""}, 400, "invalid_request"),
        ({"password": ""}, 400, "invalid_request"),
        ({"password": "x" * 1025}, 400, "invalid_request"),
        ({"grant_type": "client_credentials"}, 400, "unsupported_grant_type"),
        ({"grant_type": ""}, 400, "unsupported_grant_type"),
        ({"client_id": "c_0000000000000000000000"}, 400, "unauthorized_client"),
        ({"audience": "nowhere"}, 400, "invalid_target"),
        ({"scope": "no:such"}, 400, "invalid_scope"),
    ],
)
async def test_a_form_that_asks_for_what_is_not_there_is_refused(api, people, changes, status, error):
    await people.sign_up()
    oauth_error(await api.post("/token", data=FORM | changes), status, error)


async def test_two_audiences_are_refused(api):
    oauth_error(
        await api.post("/token?audience=orders-api", data=FORM | {"audience": "billing-api"}), 400, "invalid_request"
    )


@pytest.mark.parametrize("content_type", ["application/json", "multipart/form-data; boundary=x", "text/plain", ""])
async def test_only_a_form_is_read(api, content_type):
    answer = await api.post("/token", content=b"username=a&password=b", headers={"Content-Type": content_type})
    oauth_error(answer, 415, "invalid_request")


@pytest.mark.spec("RFC 6749 §3.2")
async def test_a_field_that_stands_there_twice_is_refused(api):
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await api.post("/token", content=b"username=a&username=b&password=c", headers=headers)
    oauth_error(answer, 400, "invalid_request")


async def test_the_document_offers_the_form_wherever_a_token_is_asked_for(api):
    document = (await api.get("/openapi.json")).json()
    flow = {"type": "oauth2", "flows": {"password": {"tokenUrl": "token", "scopes": {}}}}
    assert document["components"]["securitySchemes"]["password"] == flow
    security = document["paths"]["/auth/me"]["get"]["security"]
    assert {"bearer": []} in security
    assert {"password": []} in security
    assert "security" not in document["paths"]["/token"]["post"]
