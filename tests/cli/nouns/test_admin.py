import pytest

PASSWORD = "correct horse battery staple"


@pytest.mark.attack("PWD-13")
def test_the_first_administrator_gets_a_random_password_that_is_shown_once(run):
    made = run("create-admin", "--email", "root@example.com", "--json").json()
    assert made["created"]
    assert len(made["password"]) == 43
    again = run("create-admin", "--email", "root@example.com", "--json").json()
    assert (again["created"], again["sub"]) == (False, made["sub"])
    assert "password" not in again


def test_in_words_the_password_stands_alone_on_its_line(run):
    answer = run("create-admin", "--email", "root@example.com")
    assert answer.code == 0
    first, second = answer.out.splitlines()
    assert first == "root@example.com is an administrator"
    assert len(second.removeprefix("password: ")) == 43


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_the_password_comes_from_standard_input_without_its_line_end_and_is_not_printed(run, end):
    answer = run("create-admin", "--email", "root@example.com", "--password-stdin", stdin=PASSWORD.encode() + end)
    assert answer.code == 0
    assert PASSWORD not in answer.out + answer.err
    again = run("create-admin", "--email", "root@example.com", "--password-stdin", "--json", stdin=PASSWORD.encode())
    assert "password" not in again.json()


def test_an_administrator_holds_the_role_admin_everywhere_and_a_verified_address(run, administrator):
    shown = run("users", "show", administrator, "--json").json()
    assert shown["roles"] == [{"role": "admin", "audience": None}]
    assert shown["email_verified"]


@pytest.mark.parametrize("stdin", [b"", b"\n", b"\xff\xfe", b"x" * 5000])
def test_what_is_no_password_on_standard_input_is_a_wrong_use(bare, stdin):
    answer = bare("create-admin", "--email", "root@example.com", "--password-stdin", stdin=stdin)
    assert (answer.code, answer.out) == (2, "")


def test_a_password_that_breaks_the_rules_is_refused(run):
    run("create-admin", "--email", "root@example.com", "--password-stdin", stdin=b"password").refusal()


def test_what_is_no_address_is_refused(run):
    run("create-admin", "--email", "root").refusal()


def test_a_suspended_user_is_refused_with_the_command_that_helps(run, administrator):
    run("create-admin", "--email", "second@example.com")
    run("users", "suspend", "second@example.com")
    assert "users reactivate" in run("create-admin", "--email", "second@example.com").refusal()


@pytest.mark.parametrize(
    "command",
    [
        ["create-admin"],
        *(["users", verb] for verb in ("list", "show", "assign-role", "remove-role", "suspend", "reactivate")),
        *(["users", verb] for verb in ("set-attribute", "delete")),
        *(["audiences", verb] for verb in ("create", "list", "show", "update")),
        *(["roles", verb] for verb in ("create", "list", "grant", "withdraw")),
    ],
)
def test_every_command_explains_itself_with_an_example(bare, command):
    answer = bare(*command, "--help")
    assert answer.code == 0
    assert f"Example: auth-service {' '.join(command)}" in answer.out
    assert "--data-dir" in answer.out
