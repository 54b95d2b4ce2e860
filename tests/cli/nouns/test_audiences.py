import shlex

import pytest

ORDERS = {
    "name": "stock-api",
    "resources": ["https://stock.example.com"],
    "scopes": {"stock:read": None, "stock:write": "stock:write"},
    "signing_algorithm": "ES256",
    "access_token_seconds": 300,
    "claims": ["email", "tier"],
    "required_acr": None,
}
CREATE = shlex.split(
    "audiences create stock-api --resource https://stock.example.com --scope stock:read "
    "--scope-permission stock:write=stock:write --algorithm ES256 --access-token-seconds 300 --claim email --claim tier"
)


def test_an_audience_is_created_shown_and_listed(run):
    assert run(*CREATE, "--json").json() == ORDERS
    assert run("audiences", "show", "stock-api", "--json").json() == ORDERS
    listed = run("audiences", "list", "--json").json()
    assert ORDERS in listed
    assert "stock-api" in run("audiences", "list").out
    shown = run("audiences", "show", "stock-api").out
    assert "stock:write, needs stock:write" in shown


def test_an_audience_with_a_name_alone_has_the_deployments_choices(run):
    made = run("audiences", "create", "plain-api", "--json").json()
    assert (made["signing_algorithm"], made["access_token_seconds"], made["scopes"]) == (None, None, {})


def test_an_update_changes_what_it_names_and_leaves_the_rest(run):
    run(*CREATE)
    changed = run(
        *shlex.split(
            "audiences update stock-api --add-scope stock:export --remove-scope stock:read --remove-claim tier"
        ),
        *shlex.split("--scope-permission stock:write=stock:change --add-resource https://two.example.com"),
        *shlex.split("--remove-resource https://stock.example.com --algorithm default --access-token-seconds 0 --json"),
    ).json()
    assert changed == {
        "name": "stock-api",
        "resources": ["https://two.example.com"],
        "scopes": {"stock:export": None, "stock:write": "stock:change"},
        "signing_algorithm": None,
        "access_token_seconds": None,
        "claims": ["email"],
        "required_acr": None,
    }
    assert run("audiences", "update", "stock-api", "--json").json() == changed


@pytest.mark.parametrize(
    "arguments",
    [
        ["self"],
        ["http://localhost:8000"],
        ["stock api"],
        ["stock-api", "--claim", "sub"],
        ["stock-api", "--resource", "http://stock.example.com"],
        ["stock-api", "--scope", "a b"],
        ["stock-api", "--access-token-seconds", "3601"],
        ["stock-api\udcff"],
    ],
)
def test_a_definition_that_breaks_a_rule_is_refused_in_one_line(run, arguments):
    run("audiences", "create", *arguments).refusal()


def test_a_taken_name_is_refused(run):
    run(*CREATE)
    assert "already" in run(*CREATE).refusal()


@pytest.mark.parametrize(
    "arguments",
    [
        ["create", "stock-api", "--scope-permission", "stock:write"],
        ["create", "stock-api", "--scope-permission", "=x"],
        ["create", "stock-api", "--algorithm", "HS256"],
        ["update", "stock-api", "--algorithm", "none"],
        ["create"],
    ],
)
def test_a_wrong_use_ends_with_status_2(bare, arguments):
    assert bare("audiences", *arguments).code == 2


@pytest.mark.parametrize("verb", ["show", "update"])
def test_an_unknown_audience_is_refused_with_the_command_that_makes_it(run, verb):
    assert "audiences create" in run("audiences", verb, "nowhere").refusal()
