from uuid import UUID

import pytest

from app.audiences.own import SELF
from app.roles import rules
from app.roles.errors import InvalidRole
from app.roles.rules import Holdings, RoleView

SUPPORT, ADMIN, GONE = UUID(int=1), UUID(int=2), UUID(int=3)
ROLES = {
    SUPPORT: RoleView(
        name="support", permissions={"orders-api": ("orders:write", "orders:read"), "billing-api": ("b",)}
    ),
    ADMIN: RoleView(name="admin", permissions={SELF: ("admin:users:read",)}),
}


def test_an_unlimited_role_counts_everywhere_with_the_permissions_of_that_audience():
    assignments = [(SUPPORT, None)]
    assert rules.held(ROLES, assignments, "orders-api").permissions == ("orders:read", "orders:write")
    assert rules.held(ROLES, assignments, "billing-api").permissions == ("b",)
    assert rules.held(ROLES, assignments, "other-api") == Holdings(roles=("support",))


def test_a_limited_role_counts_at_its_audience_alone():
    assignments = [(SUPPORT, "orders-api")]
    assert rules.held(ROLES, assignments, "orders-api").roles == ("support",)
    assert rules.held(ROLES, assignments, "billing-api") == Holdings()
    assert rules.held(ROLES, assignments, SELF) == Holdings()


def test_an_unlimited_admin_is_admin_elsewhere_without_the_permissions_of_this_service():
    assert rules.held(ROLES, [(ADMIN, None)], "orders-api") == Holdings(roles=("admin",))
    assert rules.held(ROLES, [(ADMIN, None)], SELF) == Holdings(roles=("admin",), permissions=("admin:users:read",))


def test_a_role_held_twice_counts_once_and_an_unknown_one_for_nothing():
    assignments = [(SUPPORT, None), (SUPPORT, "billing-api"), (GONE, None)]
    assert rules.held(ROLES, assignments, "billing-api") == Holdings(roles=("support",), permissions=("b",))


@pytest.mark.parametrize("name", ["", "a b", "-a", "x" * 65, "é", "a\n", "a/b", "\x00"])
def test_a_role_name_outside_the_safe_set_is_refused(name):
    with pytest.raises(InvalidRole):
        rules.check_role_name(name)


@pytest.mark.parametrize(
    ("permission", "audience"),
    [
        ("a b", "orders-api"),
        ("", "orders-api"),
        ("x" * 65, "orders-api"),
        ("admin:everything", SELF),
        ("admin:*", SELF),
    ],
)
def test_a_permission_that_cannot_be_held_is_refused(permission, audience):
    with pytest.raises(InvalidRole):
        rules.check_permission(permission, audience)


def test_any_token_is_a_permission_at_a_downstream_service_and_the_known_ones_at_this():
    rules.check_permission("orders:write", "orders-api")
    rules.check_permission("admin:users:read", SELF)
