"""A right is taken away while a code is redeemed."""

import asyncio

import httpx2
import pytest

from app.clients.service import NewCredentials
from app.wiring import Services
from tests.flows.test_lost_rights import BY
from tests.oauth.codes.conftest import IssueCode, Redeem, SignIn
from tests.support import bearer, claims_of

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("scope", [("openid", "roles"), ("openid", "roles", "offline_access")])
async def test_a_code_that_is_redeemed_while_a_role_is_taken_away_brings_no_token_with_it(
    scope: tuple[str, ...],
    at_browser: SignIn,
    web_app: NewCredentials,
    issue_code: IssueCode,
    redeem: Redeem,
    api: httpx2.AsyncClient,
    services: Services,
) -> None:
    """The change has looked for grants to replace and has not committed: what is opened now, it does not see."""
    person = await at_browser()
    async with services.db.transaction() as tx:
        await services.role_registration.create(tx, "support", **BY)
        await services.role_assignments.assign(tx, user_id=person.user_id, role="support", audience=None, **BY)
    before = (await redeem(await issue_code(person, web_app.client_id, scope=scope), web_app)).json()
    assert claims_of(before["access_token"])["roles"] == ["support"]
    code = await issue_code(person, web_app.client_id, scope=scope)
    others = await issue_code(await at_browser("bob@example.com"), web_app.client_id, scope=scope)
    async with services.db.transaction() as tx:
        await services.role_assignments.remove(tx, user_id=person.user_id, role="support", audience=None, **BY)
        redeemed = asyncio.create_task(redeem(code, web_app))
        at_the_same_moment = asyncio.create_task(redeem(others, web_app))
        assert (await at_the_same_moment).status_code == 200
        # Long enough that a redemption which waits for nobody has ended.
        await asyncio.wait({redeemed}, timeout=0.5)
    answer = await redeemed
    assert answer.status_code == 200, answer.text
    tokens = answer.json()
    assert claims_of(tokens["access_token"])["roles"] == []
    told = await api.get("/oauth/userinfo", headers=bearer(tokens))
    assert told.json() == {"sub": person.sub, "roles": []}
