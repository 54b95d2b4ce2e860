"""Signing in by another provider: from an app, from the pages, and alone."""

import pytest

from tests.brokering.conftest import APP, VERIFIER, someone, told
from tests.support import ISSUER, claims_of

pytestmark = pytest.mark.anyio


async def test_an_app_gets_its_person_back_with_a_code_that_gives_tokens(browsers, provider, app_client, events):
    email = someone(provider)
    jo = browsers()
    answer = await jo.for_app(audience="orders-api")
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"].startswith(f"{APP}?")
    back = told(answer)
    assert back.keys() == {"code", "state", "iss"}
    assert (back["state"], back["iss"]) == ("app-state", ISSUER)
    assert (await jo.who())["email"] == email
    exchanged = await jo.client.post("/auth/oauth/exchange", json={"code": back["code"], "code_verifier": VERIFIER})
    assert exchanged.status_code == 200, exchanged.text
    tokens = exchanged.json()
    assert tokens.keys() >= {"access_token", "token_type", "expires_in", "refresh_token", "refresh_expires_in", "scope"}
    claims = claims_of(tokens["access_token"])
    assert (claims["aud"], claims["client_id"], claims["amr"]) == ("orders-api", "first-party", ["fed"])
    linked, signed_in = await events.of("identity.linked"), await events.of("user.federated_sign_in")
    assert [(one["details"]["provider"], one["details"]["how"]) for one in linked] == [("corp", "created")]
    assert [one["subject"] for one in signed_in] == [claims["sub"]]
