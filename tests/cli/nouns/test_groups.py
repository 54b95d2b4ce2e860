import shlex

import pytest


def test_a_group_is_made_filled_shown_and_deleted(run):
    run("create-admin", "--email", "ann@example.com")
    run(*shlex.split("roles create support --permission orders:write --audience orders-api"))
    made = run("groups", "create", "Help desk", "--description", "Answers", "--json").json()
    assert (made["name"], made["description"], made["roles"], made["members"]) == ("Help desk", "Answers", [], [])
    run("groups", "assign-role", "Help desk", "support", "--audience", "orders-api")
    filled = run("groups", "add-member", "Help desk", "ann@example.com", "--json").json()
    assert filled["roles"] == [{"role": "support", "audience": "orders-api"}]
    assert [member["email"] for member in filled["members"]] == ["ann@example.com"]
    shown = run("groups", "show", "Help desk").out
    assert "support at orders-api" in shown
    assert "ann@example.com" in shown
    assert [group["name"] for group in run("groups", "list", "--json").json()] == ["Help desk"]
    assert "Answers" in run("groups", "list").out
    renamed = run("groups", "update", "Help desk", "--rename", "Desk", "--description", "", "--json").json()
    assert (renamed["id"], renamed["name"], renamed["description"]) == (made["id"], "Desk", None)
    run("groups", "remove-role", "Desk", "support", "--audience", "orders-api")
    emptied = run("groups", "remove-member", "Desk", "ann@example.com", "--json").json()
    assert (emptied["roles"], emptied["members"]) == ([], [])
    assert "deleted Desk" in run("groups", "delete", "Desk", "--yes").out
    assert run("groups", "list", "--json").json() == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["create", "a\tb"], "letters"),
        (["show", "nobody"], "groups create"),
        (["delete", "nobody", "--yes"], "groups create"),
        (["add-member", "nobody", "ann@example.com"], "groups create"),
    ],
)
def test_a_refusal_is_one_plain_line(run, arguments, words):
    assert words in run("groups", *arguments).refusal()


@pytest.mark.attack("ADM-04")
def test_the_last_administrator_is_kept_by_every_command(run):
    run("create-admin", "--email", "ann@example.com")
    run("groups", "create", "Admins")
    run("groups", "assign-role", "Admins", "admin")
    run("groups", "add-member", "Admins", "ann@example.com")
    run("users", "remove-role", "ann@example.com", "admin")
    for command in (
        ["groups", "remove-member", "Admins", "ann@example.com"],
        ["groups", "remove-role", "Admins", "admin"],
        ["groups", "delete", "Admins", "--yes"],
        ["users", "suspend", "ann@example.com"],
        ["users", "delete", "ann@example.com", "--yes"],
    ):
        assert "create-admin" in run(*command).refusal()
    assert "stays" in run("roles", "delete", "admin", "--yes").refusal()


def test_permissions_show_who_has_them_and_what_needs_them(run):
    run(*shlex.split("audiences create stock-api --scope-permission stock:write=stock:change"))
    run(*shlex.split("roles create keeper --permission stock:change --audience stock-api"))
    shown = {"audience": "stock-api", "permission": "stock:change", "roles": ["keeper"], "scopes": ["stock:write"]}
    assert run("permissions", "list", "--audience", "stock-api", "--json").json() == [shown]
    table = run("permissions", "list").out
    assert "stock:change" in table
    assert "admin:users:write" in table
    assert run("roles", "show", "keeper", "--json").json()["permissions"] == {"stock-api": ["stock:change"]}
    assert "deleted keeper" in run("roles", "delete", "keeper", "--yes").out
    assert run("permissions", "list", "--audience", "stock-api", "--json").json() == [shown | {"roles": []}]
