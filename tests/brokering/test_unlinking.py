"""What a provider's rules gave goes with the link: nobody keeps it by unlinking in time."""

import asyncio
from typing import Any

import pytest

from app.audit.event import SYSTEM
from app.wiring import Services
from tests.brokering.conftest import ORIGIN, Browser, own, someone
from tests.brokering.test_accounts import RULES, held, make_rights, rows, sign_up
from tests.federation.oidc.provider import Provider

pytestmark = pytest.mark.anyio


@pytest.fixture
def policies() -> dict[str, dict[str, Any]]:
    return {"corp": {"rules": RULES, "linking": "verified_email"}}


async def linked(browser: Browser, provider: Provider, services: Services) -> tuple[str, str]:
    """An account with a password that an identity with rights is linked to: who, and the identity's id."""
    email = someone(provider, groups=["staff-there"], realm_access={"roles": ["buyer"]})
    sub = await sign_up(browser, services, email, verified=True)
    assert (await browser.sign_in()).status_code == 303
    [identity] = (await browser.client.get("/auth/me/identities")).json()["items"]
    return sub, identity["id"]


async def test_who_unlinks_loses_what_the_rules_gave_and_keeps_what_somebody_else_did(
    browsers, provider, services: Services
):
    await make_rights(services)
    jo = browsers()
    sub, identity_id = await linked(jo, provider, services)
    assert await held(services, sub) == ({("support", None), ("buyer", "orders-api")}, {"crew"})
    async with services.db.transaction() as tx:
        user = await services.users.find_by_sub(tx, sub)
        await services.role_assignments.assign(
            tx, user_id=user.id, role="buyer", audience="billing-api", actor=SYSTEM, origin=ORIGIN
        )
    answer = await jo.client.delete(f"/auth/me/identities/{identity_id}", headers=await own(jo))
    assert answer.status_code == 204, answer.text
    assert await held(services, sub) == ({("buyer", "billing-api")}, set())


async def test_who_unlinks_gets_nothing_by_a_sign_in_of_the_same_moment(browsers, provider, services: Services):
    await make_rights(services)
    jo, again = browsers(), browsers()
    sub, identity_id = await linked(jo, provider, services)
    provider.person["groups"] = []
    await again.sign_in()
    provider.person["groups"] = ["staff-there"]
    back = await again.start()
    headers = await own(jo)
    await asyncio.gather(again.open(back), jo.client.delete(f"/auth/me/identities/{identity_id}", headers=headers))
    is_linked = await rows(services, "SELECT 1 FROM federated_identities")
    # Whoever came after it is linked anew by their address, as policy has it; else there is nothing.
    assert await held(services, sub) == (
        ({("support", None), ("buyer", "orders-api")}, {"crew"}) if is_linked else (set(), set())
    )
