import pytest


@pytest.fixture
def ann(run):
    """A second administrator, from whom the first can take what they like."""
    run("create-admin", "--email", "ann@example.com")
    return "ann@example.com"


def roles(run, email):
    return [(held["role"], held["audience"]) for held in run("users", "show", email, "--json").json()["roles"]]


def test_a_role_is_given_at_an_audience_and_taken_again(run, administrator):
    run("roles", "create", "support")
    shown = run("users", "assign-role", administrator, "support", "--audience", "orders-api", "--json").json()
    assert {"role": "support", "audience": "orders-api"} in shown["roles"]
    assert run("users", "assign-role", administrator, "support", "--audience", "orders-api").code == 0
    assert roles(run, administrator) == [("admin", None), ("support", "orders-api")]
    run("users", "remove-role", administrator, "support", "--audience", "orders-api")
    assert roles(run, administrator) == [("admin", None)]


def test_a_role_may_be_limited_to_this_service_itself(run, administrator):
    run("users", "assign-role", administrator, "admin", "--audience", "self")
    assert roles(run, administrator) == [("admin", None), ("admin", "self")]


@pytest.mark.parametrize(
    ("arguments", "cure"),
    [
        (["nobody@example.com", "admin"], "users list"),
        (["no address", "admin"], "users list"),
        (["\udcff", "admin"], "users list"),
        (["root@example.com", "nobody"], "roles create"),
        (["root@example.com", "admin", "--audience", "nowhere"], "audiences create"),
    ],
)
def test_what_does_not_exist_is_refused_with_the_command_that_makes_it(run, administrator, arguments, cure):
    assert f"auth-service {cure}" in run("users", "assign-role", *arguments).refusal()


@pytest.mark.attack("ADM-04")
@pytest.mark.parametrize("verb", [["remove-role", "admin"], ["suspend"], ["delete", "--yes"]])
def test_the_last_administrator_is_kept(run, administrator, verb):
    command, *rest = verb
    refusal = run("users", command, administrator, *rest).refusal()
    assert "create-admin" in refusal
    assert roles(run, administrator) == [("admin", None)]


def test_a_user_is_suspended_and_reactivated(run, administrator, ann):
    assert run("users", "suspend", ann, "--json").json()["status"] == "suspended"
    assert run("users", "reactivate", ann, "--json").json()["status"] == "active"


def test_a_locked_account_is_opened(run, administrator, ann):
    assert run("users", "unlock", ann, "--json").json()["status"] == "active"


def test_users_are_listed_by_page_and_by_the_beginning_of_their_address(run, administrator, ann):
    listed = run("users", "list", "--json").json()
    assert [user["email"] for user in listed] == [administrator, ann]
    assert run("users", "list", "--limit", "1", "--after", listed[0]["sub"], "--json").json() == [listed[1]]
    assert run("users", "list", "--email", "AN", "--json").json() == [listed[1]]
    assert run("users", "list", "--email", "nobody", "--json").json() == []
    assert ann in run("users", "list").out


def test_a_user_is_found_by_their_subject_too(run, administrator):
    shown = run("users", "show", administrator, "--json").json()
    assert run("users", "show", shown["sub"], "--json").json() == shown
    assert set(shown) == {
        *("sub", "email", "email_verified", "name", "status", "attributes", "created_at", "roles"),
        "required_acr",
    }


def test_no_command_shows_a_password_hash(run, administrator):
    assert "argon2" not in run("users", "show", administrator).out + run("users", "list", "--json").out


@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        (["gold"], "gold"),
        (["7", "--type", "integer"], 7),
        (["7.5", "--type", "number"], 7.5),
        (["true", "--type", "boolean"], True),
        (["true"], "true"),
    ],
)
def test_an_attribute_is_set_and_removed(run, administrator, arguments, value):
    shown = run("users", "set-attribute", administrator, "tier", *arguments, "--json").json()
    assert shown["attributes"] == {"tier": value}
    assert run("users", "set-attribute", administrator, "tier", "--json").json()["attributes"] == {}


@pytest.mark.attack("OIP-08")
def test_an_attribute_cannot_have_the_name_of_a_reserved_claim(run, administrator):
    run("users", "set-attribute", administrator, "sub", "someone").refusal()


@pytest.mark.parametrize(
    "arguments", [["x", "--type", "integer"], ["yes", "--type", "boolean"], ["x", "--type", "blob"]]
)
def test_a_value_of_another_type_is_a_wrong_use(bare, arguments):
    assert bare("users", "set-attribute", "ann@example.com", "tier", *arguments).code == 2


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_a_number_that_json_does_not_know_is_refused(run, administrator, value):
    run("users", "set-attribute", administrator, "tier", "--type", "number", "--", value).refusal()


def test_a_user_is_deleted_only_when_that_is_confirmed(run, administrator, ann):
    assert run("users", "delete", ann, stdin=b"n\n").code == 1
    assert run("users", "show", ann).code == 0
    assert run("users", "delete", ann, "--yes").out == f"deleted {ann}\n"
    run("users", "show", ann).refusal()


@pytest.mark.parametrize(
    ("noun", "target"), [("users", "root@example.com"), ("clients", None), ("audiences", "orders-api")]
)
def test_everything_is_ended_with_a_reason(run, administrator, noun, target):
    target = target or run("create-client", "--name", "reporting", "--json").json()["client_id"]
    done = run(noun, "end-everything", target, "--reason", "INC-4711", "--json").json()
    assert done["not_before"].endswith("Z")
    assert (done["sessions"], done["api_keys"]) == (0, 0)
    assert "is refused" in run(noun, "end-everything", target, "--reason", "INC-4711").out
    assert run(noun, "end-everything", target).code == 2
    assert run(noun, "end-everything", "nothing", "--reason", "INC-4711").refusal()


def test_identities_of_a_user_are_listed_and_what_is_not_there_is_not_unlinked(run, administrator):
    assert run("users", "identities", administrator, "--json").json() == []
    told = run("users", "unlink", administrator, "0190a0a0-0000-7000-8000-000000000000").refusal()
    assert "users identities" in told
    assert run("users", "unlink", administrator, "no-id").code == 2
