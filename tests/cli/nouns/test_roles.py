import shlex

import pytest

CREATE = shlex.split("roles create support --permission orders:write --permission orders:refund --audience orders-api")


def test_a_role_is_created_with_permissions_and_listed_beside_the_built_in_one(run):
    role = {"name": "support", "permissions": {"orders-api": ["orders:refund", "orders:write"]}, "required_acr": None}
    assert run(*CREATE, "--json").json() == role
    listed = run("roles", "list", "--json").json()
    assert role in listed
    (admin,) = [item for item in listed if item["name"] == "admin"]
    assert "admin:users:write" in admin["permissions"]["self"]
    assert "support" in run("roles", "list").out


def test_each_permission_may_have_an_audience_of_its_own(run):
    made = run(
        *shlex.split("roles create support --permission a --audience orders-api"),
        *shlex.split("--permission b --audience billing-api --json"),
    ).json()
    assert made["permissions"] == {"billing-api": ["b"], "orders-api": ["a"]}


def test_permissions_are_granted_and_withdrawn(run):
    run("roles", "create", "support")
    at = ["--audience", "orders-api", "--json"]
    granted = run("roles", "grant", "support", "--permission", "a", "--permission", "b", *at).json()
    assert granted["permissions"] == {"orders-api": ["a", "b"]}
    assert run("roles", "withdraw", "support", "--permission", "a", *at).json()["permissions"] == {"orders-api": ["b"]}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["create", "a b"], "letters"),
        (["create", "admin"], "already"),
        (["create", "x", "--permission", "p", "--audience", "nowhere"], "audiences create"),
        (["grant", "nobody", "--permission", "p", "--audience", "orders-api"], "roles create"),
        (["grant", "admin", "--permission", "p", "--audience", "self"], "admin:"),
        (["withdraw", "admin", "--permission", "admin:users:read", "--audience", "self"], "keeps"),
    ],
)
def test_a_refusal_is_one_plain_line(run, arguments, words):
    assert words in run("roles", *arguments).refusal()


def test_a_role_whose_permission_is_refused_is_not_made(run):
    run("roles", "create", "support", "--permission", "p", "--audience", "nowhere")
    assert [role["name"] for role in run("roles", "list", "--json").json()] == ["admin"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["create", "x", "--permission", "p"],
        ["create", "x", "--audience", "orders-api"],
        ["create", "x", *shlex.split("--permission p --permission q --permission r --audience a --audience b")],
        ["grant", "x", "--permission", "p"],
    ],
)
def test_a_permission_without_its_audience_is_a_wrong_use(bare, arguments):
    assert bare("roles", *arguments).code == 2
