"""With ACCOUNTS__DELETION_GRACE_SECONDS=0 an account is deleted at once."""

import pytest

from tests.conftest import settings_for
from tests.support import PASSWORD, bearer, problem


@pytest.fixture
def settings(database_url, engines):
    return settings_for(database_url, engines, accounts={"deletion_grace_seconds": 0})


async def test_without_a_grace_period_an_account_is_deleted_at_once(api, people, events):
    tokens = await people.signed_in()
    other = await people.log_in(audience="orders-api")
    assert (await api.delete("/auth/me", headers=bearer(tokens))).status_code == 204
    for dead in (tokens, other):
        problem(await api.get("/auth/validate", headers=bearer(dead)), 401, "invalid_token")
    body = {"email": "ann@example.com", "password": PASSWORD}
    problem(await api.post("/auth/login", json=body), 401, "invalid_credentials")
    assert len(await events.of("user.deleted")) == 1
    again = await people.signed_in()
    assert (await api.get("/auth/me", headers=bearer(again))).status_code == 200
