"""A code is redeemed once, by its client, with what was asked for; whatever else comes of it is nothing."""

import pytest

from app.clients.service import NewCredentials
from tests.oauth.codes.conftest import IssueCode, Redeem, SignIn
from tests.support import ISSUER, Events, claims_of

pytestmark = pytest.mark.anyio


@pytest.mark.attack("OIP-05")
@pytest.mark.spec("RFC 6749 §4.1.4")
@pytest.mark.spec("OpenID Connect Core §3.1.3.3")
async def test_a_code_brings_a_users_tokens(
    at_browser: SignIn, web_app: NewCredentials, issue_code: IssueCode, redeem: Redeem, events: Events
) -> None:
    person = await at_browser()
    answer = await redeem(await issue_code(person, web_app.client_id), web_app)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert (body["token_type"], body["scope"]) == ("Bearer", "openid orders:read")
    access, identity = claims_of(body["access_token"]), claims_of(body["id_token"])
    assert (access["aud"], access["sub"], access["client_id"]) == ("orders-api", person.sub, web_app.client_id)
    assert access["sid"] == identity["sid"] == person.session.sid
    assert (identity["iss"], identity["aud"], identity["azp"]) == (ISSUER, web_app.client_id, web_app.client_id)
    assert (identity["nonce"], identity["acr"], identity["amr"]) == ("n-1", "aal1", ["pwd"])
    assert identity["auth_time"] == int(person.session.auth_time.timestamp())
    assert body["refresh_token"].startswith("rt_")
    (entry,) = await events.of("code.redeemed")
    assert (entry["actor_kind"], entry["actor_id"], entry["subject"]) == ("client", web_app.client_id, person.sub)
    assert entry["details"] == {
        "sid": person.session.sid,
        "grant_id": access["grant_id"],
        "audience": "orders-api",
        "scope": "openid orders:read",
        "offline": False,
    }
