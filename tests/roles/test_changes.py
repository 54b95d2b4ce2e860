"""What a change of rights must respect: the caller's own rights, and that somebody can administer this service."""

import asyncio

import pytest

from app.audiences.definition import AudienceDefinition
from app.audiences.own import SELF
from app.audit.event import Actor, ActorKind
from app.groups.errors import GroupExists, GroupNotFound, InvalidGroup, TooManyGroups
from app.groups.rules import MAX_GROUPS_OF_A_USER
from app.roles.change import Authority, By
from app.roles.errors import BuiltInRole, InvalidRole, LastAdministrator, OwnRights, RightNotHeld
from app.roles.rules import ADMIN, ADMIN_PERMISSIONS
from app.users.errors import UserNotFound
from app.users.user import UserStatus
from tests.audiences.support import BY, ORIGIN, opened_registry

pytestmark = pytest.mark.anyio

AS_OPERATOR = By(**BY)


@pytest.fixture
async def registry(registry):
    await registry.registration.create(AudienceDefinition(name="orders-api"), **BY)
    await registry.make_role("support", orders_api=["orders:write"])
    await registry.make_role("desk", self=["admin:users:read"])
    await registry.ensure_built_in()
    return registry


def acting(user, *permissions):
    """A user who changes rights over the network with these permissions at this service."""
    authority = Authority(user_id=user.id, permissions=frozenset(permissions))
    return {"actor": Actor(ActorKind.USER, user.sub), "origin": ORIGIN, "authority": authority}


async def make(registry, *names):
    return [await registry.make_user(f"{name}@example.com") for name in names]


async def make_group(registry, name="Staff", *roles):
    async with registry.db.transaction() as tx:
        group = await registry.groups.create(tx, name, by=AS_OPERATOR)
        for role in roles:
            await registry.groups.assign_role(tx, group.id, role=role, audience=None, by=AS_OPERATOR)
    return group


async def assign(registry, user, role, by, audience=None):
    async with registry.db.transaction() as tx:
        return await registry.assignments.assign(tx, user_id=user.id, role=role, audience=audience, **by)


async def join(registry, group, user, by=AS_OPERATOR):
    async with registry.db.transaction() as tx:
        return await registry.groups.add_member(tx, group.id, user.sub, by=by)


async def leave(registry, group, user, by=AS_OPERATOR):
    async with registry.db.transaction() as tx:
        return await registry.groups.remove_member(tx, group.id, user.sub, by=by)


# Nobody raises their own rights.


@pytest.mark.attack("ADM-04")
async def test_an_administrator_cannot_give_themselves_a_role(registry):
    (ann,) = await make(registry, "ann")
    await registry.assign(ann, ADMIN)
    with pytest.raises(OwnRights) as refused:
        await assign(registry, ann, "support", acting(ann, *ADMIN_PERMISSIONS), "orders-api")
    assert (refused.value.status, refused.value.code) == (403, "own_rights")
    assert await assign(registry, ann, ADMIN, acting(ann, *ADMIN_PERMISSIONS)) is False


@pytest.mark.attack("ADM-04")
async def test_an_administrator_cannot_join_a_group_that_holds_more(registry):
    (ann,) = await make(registry, "ann")
    await registry.assign(ann, ADMIN)
    group = await make_group(registry, "Staff", "support")
    with pytest.raises(OwnRights):
        await join(registry, group, ann, By(**acting(ann, *ADMIN_PERMISSIONS)))


@pytest.mark.attack("ADM-04")
async def test_an_administrator_cannot_give_their_own_role_or_group_more(registry):
    (ann,) = await make(registry, "ann")
    by = acting(ann, *ADMIN_PERMISSIONS)
    await registry.assign(ann, "desk")
    group = await make_group(registry)
    await join(registry, group, ann)
    with pytest.raises(OwnRights):
        async with registry.db.transaction() as tx:
            await registry.role_registration.grant(tx, "desk", permission="orders:write", audience="orders-api", **by)
    with pytest.raises(OwnRights):
        async with registry.db.transaction() as tx:
            await registry.role_registration.set_permissions(tx, "desk", {SELF: ["admin:stats:read"]}, **by)
    with pytest.raises(OwnRights):
        async with registry.db.transaction() as tx:
            await registry.groups.assign_role(tx, group.id, role="support", audience=None, by=By(**by))


# Nobody gives or takes what they do not hold.


@pytest.mark.attack("ADM-04")
@pytest.mark.parametrize("verb", ["assign", "remove"])
async def test_a_role_of_this_service_moves_only_by_who_holds_all_of_it(registry, verb):
    ann, bob, eve = await make(registry, "ann", "bob", "eve")
    await registry.assign(bob, ADMIN)
    await registry.assign(eve, ADMIN)
    change = getattr(registry.assignments, verb)
    with pytest.raises(RightNotHeld) as refused:
        async with registry.db.transaction() as tx:
            await change(tx, user_id=bob.id, role=ADMIN, audience=None, **acting(ann, "admin:roles:write"))
    assert (refused.value.status, refused.value.code) == (403, "right_not_held")
    async with registry.db.transaction() as tx:
        await change(tx, user_id=bob.id, role=ADMIN, audience=None, **acting(eve, *ADMIN_PERMISSIONS))


async def test_a_role_without_rights_at_this_service_needs_none_of_them(registry):
    ann, bob = await make(registry, "ann", "bob")
    assert await assign(registry, bob, "support", acting(ann, "admin:users:write"))
    assert await assign(registry, bob, "desk", acting(ann, "admin:users:write"), "orders-api")
    with pytest.raises(RightNotHeld):
        await assign(registry, bob, "desk", acting(ann, "admin:users:write"), SELF)


@pytest.mark.attack("ADM-04")
async def test_a_group_with_rights_at_this_service_is_entered_left_and_deleted_only_by_who_holds_them(registry):
    ann, bob = await make(registry, "ann", "bob")
    group = await make_group(registry, "Staff", "desk")
    less, enough = By(**acting(ann, "admin:groups:write")), By(**acting(ann, "admin:users:read"))
    with pytest.raises(RightNotHeld):
        await join(registry, group, bob, less)
    assert await join(registry, group, bob, enough)
    for work in (
        lambda tx: registry.groups.remove_member(tx, group.id, bob.sub, by=less),
        lambda tx: registry.groups.remove_role(tx, group.id, role="desk", audience=None, by=less),
        lambda tx: registry.groups.assign_role(tx, group.id, role=ADMIN, audience=None, by=enough),
        lambda tx: registry.groups.delete(tx, group.id, by=less),
    ):
        with pytest.raises(RightNotHeld):
            async with registry.db.transaction() as tx:
                await work(tx)
    assert await leave(registry, group, bob, enough)


@pytest.mark.attack("ADM-04")
async def test_a_permission_of_this_service_is_put_into_a_role_only_by_who_holds_it(registry):
    (ann,) = await make(registry, "ann")
    by = acting(ann, "admin:roles:write")
    for work in (
        lambda tx: registry.role_registration.grant(tx, "support", permission="admin:users:write", audience=SELF, **by),
        lambda tx: registry.role_registration.withdraw(tx, "desk", permission="admin:users:read", audience=SELF, **by),
        lambda tx: registry.role_registration.set_permissions(tx, "support", {SELF: ["admin:users:write"]}, **by),
        lambda tx: registry.role_registration.delete(tx, "desk", **by),
    ):
        with pytest.raises(RightNotHeld):
            async with registry.db.transaction() as tx:
                await work(tx)


async def test_a_caller_from_the_network_without_authority_changes_nothing(registry):
    (ann,) = await make(registry, "ann")
    with pytest.raises(RightNotHeld):
        await assign(registry, ann, "support", {"actor": Actor(ActorKind.USER, ann.sub), "origin": ORIGIN})


# Somebody is left who may administer this service.


async def administrators_by_group(registry, *names):
    group = await make_group(registry, "Administrators", ADMIN)
    users = await make(registry, *names)
    for user in users:
        await join(registry, group, user)
    return group, users


@pytest.mark.attack("ADM-04")
async def test_the_last_administrator_by_a_group_stays_one(registry):
    group, (ann,) = await administrators_by_group(registry, "ann")
    for work in (
        lambda tx: registry.groups.remove_member(tx, group.id, ann.sub, by=AS_OPERATOR),
        lambda tx: registry.groups.remove_role(tx, group.id, role=ADMIN, audience=None, by=AS_OPERATOR),
        lambda tx: registry.groups.delete(tx, group.id, by=AS_OPERATOR),
        lambda tx: registry.assignments.require_dispensable(tx, ann.id),
    ):
        with pytest.raises(LastAdministrator):
            async with registry.db.transaction() as tx:
                await work(tx)


@pytest.mark.attack("ADM-04")
async def test_the_last_administrator_by_a_role_of_ones_own_stays_one(registry):
    (ann,) = await make(registry, "ann")
    await registry.make_role("root", self=sorted(ADMIN_PERMISSIONS))
    await registry.assign(ann, "root")
    for work in (
        lambda tx: registry.role_registration.delete(tx, "root", **BY),
        lambda tx: registry.role_registration.withdraw(tx, "root", permission="admin:stats:read", audience=SELF, **BY),
        lambda tx: registry.role_registration.set_permissions(tx, "root", {}, **BY),
        lambda tx: registry.assignments.remove(tx, user_id=ann.id, role="root", audience=None, **BY),
    ):
        with pytest.raises(LastAdministrator):
            async with registry.db.transaction() as tx:
                await work(tx)


async def test_an_administrator_by_a_group_lets_another_one_go(registry):
    group, (ann,) = await administrators_by_group(registry, "ann")
    (bob,) = await make(registry, "bob")
    await registry.assign(bob, ADMIN)
    assert await registry.remove(bob, ADMIN)
    await registry.assign(bob, ADMIN)
    assert await leave(registry, group, ann)


async def test_who_holds_only_some_admin_permissions_is_no_administrator_to_be_left_with(registry):
    ann, bob = await make(registry, "ann", "bob")
    await registry.assign(ann, ADMIN)
    await registry.assign(bob, "desk")
    with pytest.raises(LastAdministrator):
        await registry.remove(ann, ADMIN)


@pytest.mark.attack("ADM-04")
async def test_of_the_last_two_administrators_who_go_at_once_by_different_ways_one_remains(registry, database_url):
    group, (ann,) = await administrators_by_group(registry, "ann")
    (bob,) = await make(registry, "bob")

    async def tried(work):
        try:
            await work
        except LastAdministrator:
            return False
        return True

    async def suspend(on):
        async with on.db.transaction() as tx:
            await on.assignments.require_dispensable(tx, bob.id)
            await on.users.set_status(tx, bob.id, UserStatus.SUSPENDED, **BY)

    async with opened_registry(database_url) as other:
        for _ in range(5):
            await join(registry, group, ann)
            await registry.assign(bob, ADMIN)
            async with registry.db.transaction() as tx:
                await registry.users.set_status(tx, bob.id, UserStatus.ACTIVE, **BY)
            done = await asyncio.gather(tried(leave(registry, group, ann)), tried(suspend(other)))
            assert sorted(done) == [False, True]


# Roles and groups as such.


async def test_a_deleted_role_is_gone_with_its_assignments_and_recorded(registry):
    (ann,) = await make(registry, "ann")
    await registry.assign(ann, "support")
    async with registry.db.transaction() as tx:
        await registry.role_registration.delete(tx, "support", **BY)
        assert await registry.assignments.list_of(tx, ann.id) == []
    assert [entry["details"] for entry in await registry.recorded("role.deleted")] == [{"role": "support"}]


async def test_the_built_in_role_stays(registry):
    with pytest.raises(BuiltInRole):
        async with registry.db.transaction() as tx:
            await registry.role_registration.delete(tx, ADMIN, **BY)
    with pytest.raises(BuiltInRole):
        async with registry.db.transaction() as tx:
            await registry.role_registration.set_permissions(tx, ADMIN, {SELF: []}, **BY)


async def test_a_role_has_so_many_permissions_and_no_more(registry):
    with pytest.raises(InvalidRole):
        async with registry.db.transaction() as tx:
            await registry.role_registration.set_permissions(
                tx, "support", {"orders-api": [f"p{n}" for n in range(501)]}, **BY
            )


async def test_a_group_is_made_renamed_and_deleted_and_each_step_recorded(registry):
    (ann,) = await make(registry, "ann")
    group = await make_group(registry)
    await join(registry, group, ann)
    assert not await join(registry, group, ann)
    async with registry.db.transaction() as tx:
        await registry.groups.update(tx, group.id, name="Crew", description="On board", by=AS_OPERATOR)
        assert [(one.name, one.description) for one in await registry.groups.list_of(tx, ann.id)] == [
            ("Crew", "On board")
        ]
        await registry.groups.delete(tx, group.id, by=AS_OPERATOR)
        assert await registry.groups.list_of(tx, ann.id) == []
    entries = await registry.recorded("group.created", "group.member_added", "group.updated", "group.deleted")
    assert [(entry["type"], entry["subject"], entry["details"]) for entry in entries] == [
        ("group.created", None, {"group": "Staff"}),
        ("group.member_added", ann.sub, {"group": "Staff"}),
        ("group.updated", None, {"group": "Crew", "before": "Staff"}),
        ("group.deleted", None, {"group": "Crew", "members": 1}),
    ]


async def test_a_taken_or_malformed_name_and_what_is_not_there_are_refused(registry):
    group = await make_group(registry)
    other = await make_group(registry, "Other")
    (ann,) = await make(registry, "ann")
    async with registry.db.transaction() as tx:
        await registry.users.delete(tx, ann.id, **BY)
    for error, work in (
        (GroupExists, lambda tx: registry.groups.create(tx, "Staff", by=AS_OPERATOR)),
        (
            GroupExists,
            lambda tx: registry.groups.update(tx, other.id, name="Staff", description=None, by=AS_OPERATOR),
        ),
        (InvalidGroup, lambda tx: registry.groups.create(tx, "a\nb", by=AS_OPERATOR)),
        (InvalidGroup, lambda tx: registry.groups.create(tx, "ok", description="x" * 501, by=AS_OPERATOR)),
        (GroupNotFound, lambda tx: registry.groups.get(tx, ann.id)),
        (GroupNotFound, lambda tx: registry.groups.get_by_name(tx, "nobody")),
        (UserNotFound, lambda tx: registry.groups.add_member(tx, group.id, ann.sub, by=AS_OPERATOR)),
        (UserNotFound, lambda tx: registry.groups.remove_member(tx, group.id, ann.sub, by=AS_OPERATOR)),
    ):
        with pytest.raises(error):
            async with registry.db.transaction() as tx:
                await work(tx)


async def test_a_user_is_in_no_more_groups_than_a_token_can_name(registry):
    (ann,) = await make(registry, "ann")
    async with registry.db.transaction() as tx:
        for number in range(MAX_GROUPS_OF_A_USER):
            group = await registry.groups.create(tx, f"group {number}", by=AS_OPERATOR)
            await registry.groups.add_member(tx, group.id, ann.sub, by=AS_OPERATOR)
    last = await make_group(registry, "one more")
    with pytest.raises(TooManyGroups):
        await join(registry, last, ann)
