import asyncio

import pytest

from app.audit.event import Actor, ActorKind
from app.foundation.ids import new_id
from app.foundation.origin import Origin
from app.wiring import Services
from tests.support import Events

pytestmark = pytest.mark.anyio

ORIGIN = Origin(ip="203.0.113.9", user_agent="test", trace_id="0" * 32)
BY = {"actor": Actor(ActorKind.USER, "sub-1"), "origin": ORIGIN}


@pytest.mark.attack("AUD-01")
async def test_consent_grows_with_each_yes_and_each_is_recorded(services: Services, events: Events) -> None:
    consents, user_id = services.oauth.consents, new_id(services.clock.now())
    async with services.db.transaction() as tx:
        assert await consents.find(tx, user_id, "c_app") is None
        await consents.remember(tx, user_id, "c_app", scopes=["openid", "email"], claims=["phone"], **BY)
        allowed = await consents.remember(tx, user_id, "c_app", scopes=["profile"], claims=[], **BY)
        assert await consents.find(tx, user_id, "c_app") == allowed
        assert await consents.find(tx, user_id, "c_other") is None
    assert allowed.covers(["openid", "profile"], ["phone"])
    assert not allowed.covers(["address"], [])
    assert not allowed.covers(["openid"], ["birthdate"])
    first, second = await events.of("consent.granted")
    assert (first["subject"], first["actor_id"], first["ip"]) == ("sub-1", "sub-1", "203.0.113.9")
    assert second["details"] == {"client_id": "c_app", "scopes": ["email", "openid", "profile"], "claims": ["phone"]}


async def test_of_many_answers_at_once_none_takes_back_another(services: Services) -> None:
    consents, user_id = services.oauth.consents, new_id(services.clock.now())

    async def allow(scope: str) -> None:
        async with services.db.transaction() as tx:
            await consents.remember(tx, user_id, "c_app", scopes=[scope], claims=[], **BY)

    scopes = [f"s{number}" for number in range(8)]
    await asyncio.gather(*map(allow, scopes))
    async with services.db.transaction() as tx:
        allowed = await consents.find(tx, user_id, "c_app")
    assert allowed is not None
    assert allowed.scopes == set(scopes)
