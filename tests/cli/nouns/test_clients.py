CREATE = ("create-client", "--name", "orders", "--audience", "orders-api", "--scope", "introspection")


def test_a_client_is_created_shown_and_listed(run):
    made = run(*CREATE, "--scope", "revocations:read", "--json").json()
    assert sorted(made) == ["client_id", "client_secret"]
    shown = run("clients", "show", made["client_id"], "--json").json()
    assert shown["scopes"] == ["introspection", "revocations:read"]
    assert run("clients", "list", "--json").json() == [shown]
    assert made["client_secret"] not in run("clients", "show", made["client_id"]).out
    assert (
        f"{made['client_id']}  orders  orders-api  introspection revocations:read  active" in run("clients", "list").out
    )


def test_a_secret_is_shown_once_also_to_the_eye(run):
    told = run(*CREATE).out
    assert "client_secret" in told
    assert "not be shown again" in told


def test_a_client_is_disabled_and_enabled(run):
    client_id = run(*CREATE, "--json").json()["client_id"]
    assert run("clients", "disable", client_id, "--json").json()["disabled_at"] is not None
    assert "disabled" in run("clients", "list").out
    assert run("clients", "enable", client_id, "--json").json()["disabled_at"] is None


def test_a_client_gets_another_secret(run):
    made = run(*CREATE, "--json").json()
    again = run("clients", "rotate-secret", made["client_id"], "--overlap-seconds", "60", "--json").json()
    assert again["client_id"] == made["client_id"]
    assert again["client_secret"] != made["client_secret"]


def test_refusals_name_what_is_right(run):
    assert "introspection and revocations:read" in run("create-client", "--name", "x", "--scope", "y").refusal()
    assert "audiences create" in run("create-client", "--name", "x", "--audience", "nobody").refusal()
    assert "clients list" in run("clients", "show", "c_unknown").refusal()
