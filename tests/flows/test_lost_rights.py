"""Whoever loses a right loses it in the tokens that are out, and stays signed in."""

from collections.abc import Awaitable, Callable

import httpx2
import pytest
from sqlalchemy import text

from app.audit.event import Actor, ActorKind
from app.foundation.db import Transaction
from app.foundation.origin import Origin
from app.groups.rules import Group
from app.roles.change import By
from app.users.user import User
from app.wiring import Services
from tests.support import Events, People, bearer, claims_of, problem

pytestmark = pytest.mark.anyio

OPERATOR, ORIGIN = Actor(ActorKind.OPERATOR, "test"), Origin(ip=None, user_agent=None, trace_id="0" * 32)
BY = {"actor": OPERATOR, "origin": ORIGIN}
AS_OPERATOR = By(actor=OPERATOR, origin=ORIGIN)

Change = Callable[[Services, Transaction, User, Group], Awaitable[object]]


async def lose_the_assignment(services: Services, tx: Transaction, ann: User, _: Group) -> None:
    await services.role_assignments.remove(tx, user_id=ann.id, role="support", audience=None, **BY)


async def leave_the_group(services: Services, tx: Transaction, ann: User, group: Group) -> None:
    await services.groups.remove_member(tx, group.id, ann.sub, by=AS_OPERATOR)


async def take_the_groups_role(services: Services, tx: Transaction, _: User, group: Group) -> None:
    await services.groups.remove_role(tx, group.id, role="support", audience=None, by=AS_OPERATOR)


async def delete_the_group(services: Services, tx: Transaction, _: User, group: Group) -> None:
    await services.groups.delete(tx, group.id, by=AS_OPERATOR)


async def delete_the_role(services: Services, tx: Transaction, _: User, __: Group) -> None:
    await services.role_registration.delete(tx, "support", **BY)


async def withdraw_the_permission(services: Services, tx: Transaction, _: User, __: Group) -> None:
    await services.role_registration.withdraw(tx, "support", permission="orders:write", audience="orders-api", **BY)


OWN: list[Change] = [lose_the_assignment, delete_the_role, withdraw_the_permission]
BY_GROUP: list[Change] = [
    leave_the_group,
    take_the_groups_role,
    delete_the_group,
    delete_the_role,
    withdraw_the_permission,
]
WAYS = [(change, False) for change in OWN] + [(change, True) for change in BY_GROUP]


@pytest.fixture
async def group(services: Services, people: People) -> Group:
    """Ann, a role that may write orders, and a group that is still empty."""
    await people.sign_up()
    async with services.db.transaction() as tx:
        await services.role_registration.create(tx, "support", **BY)
        await services.role_registration.grant(tx, "support", permission="orders:write", audience="orders-api", **BY)
        return await services.groups.create(tx, "Helpdesk", by=AS_OPERATOR)


async def give(services: Services, group: Group, *, by_group: bool) -> User:
    async with services.db.transaction() as tx:
        ann = await services.users.find_by_email(tx, "ann@example.com")
        assert ann is not None
        if by_group:
            await services.groups.assign_role(tx, group.id, role="support", audience=None, by=AS_OPERATOR)
            await services.groups.add_member(tx, group.id, ann.sub, by=AS_OPERATOR)
        else:
            await services.role_assignments.assign(tx, user_id=ann.id, role="support", audience=None, **BY)
    return ann


async def refreshed(api: httpx2.AsyncClient, tokens: dict[str, str]) -> dict[str, str]:
    answer = await api.post("/auth/refresh", json={"refresh_token": tokens["refresh_token"], "audience": "orders-api"})
    assert answer.status_code == 200, answer.text
    body: dict[str, str] = answer.json()
    return body


async def is_accepted(api: httpx2.AsyncClient, raw_token: str) -> bool:
    return (await api.get("/auth/validate", headers={"Authorization": f"Bearer {raw_token}"})).status_code == 200


@pytest.mark.parametrize(("change", "by_group"), WAYS)
async def test_the_old_token_is_refused_and_the_session_goes_on_with_less(
    group: Group, services: Services, api: httpx2.AsyncClient, people: People, change: Change, *, by_group: bool
) -> None:
    ann = await give(services, group, by_group=by_group)
    tokens = await people.log_in(audience="orders-api")
    before = claims_of(tokens["access_token"])
    assert (before["roles"], before["permissions"]) == (["support"], ["orders:write"])
    async with services.db.transaction() as tx:
        await change(services, tx, ann, group)
    problem(await api.get("/auth/validate", headers=bearer(tokens)), 401, "invalid_token")
    fresh = await refreshed(api, tokens)
    after = claims_of(fresh["access_token"])
    assert after["permissions"] == []
    assert "orders:write" not in after["scope"]
    assert (after["sid"], after["auth_time"]) == (before["sid"], before["auth_time"])
    assert after["grant_id"] != before["grant_id"]
    assert await is_accepted(api, fresh["access_token"])


async def test_a_lost_answer_still_gets_the_very_same_successor_after_the_grant_was_replaced(
    group: Group, services: Services, api: httpx2.AsyncClient, people: People
) -> None:
    ann = await give(services, group, by_group=False)
    tokens = await people.log_in(audience="orders-api")
    lost = await refreshed(api, tokens)
    async with services.db.transaction() as tx:
        await lose_the_assignment(services, tx, ann, group)
    again = await refreshed(api, tokens)
    assert again["refresh_token"] == lost["refresh_token"]
    assert claims_of(again["access_token"])["roles"] == []
    assert not await is_accepted(api, lost["access_token"])
    assert await is_accepted(api, (await refreshed(api, again))["access_token"])


async def test_what_is_still_held_by_another_way_costs_no_token(
    group: Group, services: Services, api: httpx2.AsyncClient, people: People, events: Events
) -> None:
    ann = await give(services, group, by_group=False)
    async with services.db.transaction() as tx:
        await services.role_assignments.assign(tx, user_id=ann.id, role="support", audience="orders-api", **BY)
    tokens = await people.log_in(audience="orders-api")
    async with services.db.transaction() as tx:
        await services.role_assignments.remove(tx, user_id=ann.id, role="support", audience="orders-api", **BY)
    assert await is_accepted(api, tokens["access_token"])
    assert await events.of("grant.replaced") == []


async def test_each_replaced_grant_is_recorded_with_its_owner_and_the_reason(
    group: Group, services: Services, people: People, events: Events
) -> None:
    ann = await give(services, group, by_group=False)
    claims = [claims_of((await people.log_in())["access_token"]) for _ in range(2)]
    async with services.db.transaction() as tx:
        await lose_the_assignment(services, tx, ann, group)
    entries = await events.of("grant.replaced")
    assert {entry["subject"] for entry in entries} == {ann.sub}
    told = [entry["details"] for entry in entries]
    wanted = [{"sid": one["sid"], "grant_id": one["grant_id"], "reason": "role_removed"} for one in claims]
    assert sorted(told, key=str) == sorted(wanted, key=str)
    async with services.db.transaction() as tx:
        revoked = await tx.execute(text("SELECT target FROM revocations WHERE kind = 'grant_id'"))
        assert sorted(row.target for row in revoked) == sorted(one["grant_id"] for one in claims)


async def test_what_is_given_comes_with_the_next_refresh_and_ends_nothing(
    group: Group, services: Services, api: httpx2.AsyncClient, people: People
) -> None:
    tokens = await people.log_in(audience="orders-api")
    await give(services, group, by_group=True)
    assert await is_accepted(api, tokens["access_token"])
    assert claims_of((await refreshed(api, tokens))["access_token"])["permissions"] == ["orders:write"]


async def test_groups_are_named_to_the_audience_that_asks_for_them_and_to_no_other(
    group: Group, services: Services, people: People
) -> None:
    await services.audience_registration.update(
        "billing-api", lambda present: type(present)(name=present.name, scopes=present.scopes, claims=("groups",)), **BY
    )
    await give(services, group, by_group=True)
    assert claims_of((await people.log_in(audience="billing-api"))["access_token"])["groups"] == ["Helpdesk"]
    assert "groups" not in claims_of((await people.log_in(audience="orders-api"))["access_token"])
