"""A right is taken away while another process hands out tokens."""

import asyncio

import httpx2
import pytest

from app.groups.rules import Group
from app.main import create_app
from app.settings import Settings
from app.wiring import Services, build
from tests.flows.test_lost_rights import (
    BY_GROUP,
    OWN,
    Change,
    give,
    group,
    is_accepted,
    refreshed,
)
from tests.support import ISSUER, People, claims_of

__all__ = ["group"]

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(("change", "by_group"), [(OWN[0], False), (OWN[2], False), (BY_GROUP[0], True)])
async def test_no_token_with_the_lost_right_survives_refreshes_and_sign_ins_at_the_same_moment(
    group: Group,
    services: Services,
    settings: Settings,
    api: httpx2.AsyncClient,
    people: People,
    change: Change,
    *,
    by_group: bool,
) -> None:
    """The other process follows no registry: what it knows of roles is as old as its start."""
    ann = await give(services, group, by_group=by_group)
    other = build(settings)
    await other.open()
    minted: list[str] = []
    transport = httpx2.ASGITransport(create_app(services=other))
    async with httpx2.AsyncClient(transport=transport, base_url=ISSUER) as elsewhere:
        taken = asyncio.Event()

        async def keep_refreshing() -> None:
            tokens, left = await people.log_in(audience="orders-api"), 3
            while left:
                tokens = await refreshed(elsewhere, tokens)
                minted.append(tokens["access_token"])
                left -= taken.is_set()

        async def keep_signing_in() -> None:
            left = 2
            while left:
                minted.append((await People(elsewhere).log_in(audience="orders-api"))["access_token"])
                left -= taken.is_set()

        async def take() -> None:
            while len(minted) < 6:
                await asyncio.sleep(0.01)
            async with services.db.transaction() as tx:
                await change(services, tx, ann, group)
            taken.set()

        await asyncio.gather(take(), *(keep_refreshing() for _ in range(3)), keep_signing_in())
    await other.close()
    rich = [raw for raw in minted if "orders:write" in claims_of(raw)["permissions"]]
    poor = [raw for raw in minted if raw not in rich]
    assert rich
    assert poor
    assert [raw for raw in rich if await is_accepted(api, raw)] == []
    assert await is_accepted(api, poor[-1])
