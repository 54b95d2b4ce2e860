"""Every list at a terminal has colours, every long work a bar; what is for programs has neither."""

import contextlib
import json

import pytest

from tests.cli.nouns.test_purge import expired
from tests.cli.terminal import terminal
from tests.transfer import realm as keycloak

HEAD = "\x1b[1;4m"


@pytest.fixture(autouse=True)
def colours(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)


def shown_on(run, stream, *arguments):
    """What a command writes to one of its streams, which is a terminal; the answer holds the other."""
    redirect = {"stdout": contextlib.redirect_stdout, "stderr": contextlib.redirect_stderr}[stream]
    with terminal() as told, redirect(told.stream):
        answer = run(*arguments)
        return told.shown, answer


def test_every_list_is_a_coloured_table_at_a_terminal_and_plain_to_programs(run, administrator, monkeypatch):
    run("groups", "create", "Desk")
    client = run("create-client", "--name", "robot", "--audience", "orders-api", "--scope", "introspection", "--json")
    client_id = client.json()["client_id"]
    run("api-keys", "create", "--client", client_id, "--name", "export")
    run("webhooks", "create", "https://hooks.example.com/in")
    set_up = ("--set", "issuer=https://id.example.com", "--set", "client_id=a", "--secret", "-")
    run("providers", "create", "corp", "--name", "Corp", *set_up, stdin=b"secret")
    nouns = ("users", "audiences", "roles", "permissions", "groups", "clients", "api-keys", "keys", "webhooks")
    for noun in (*nouns, "providers", "audit"):
        shown, answer = shown_on(run, "stdout", noun, "list")
        assert answer.code == 0, (noun, answer.err)
        assert HEAD in shown, noun
        plain, answer = shown_on(run, "stdout", noun, "list", "--json")
        assert json.loads(plain), noun
        assert "\x1b" not in plain, noun
    shown, _ = shown_on(run, "stdout", "users", "show", administrator)
    assert "\x1b[32mactive" in shown
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in shown_on(run, "stdout", "audit", "list")[0]


def test_every_long_work_shows_a_bar_on_standard_error_and_nothing_of_it_on_standard_output(run, settings, tmp_path):
    expired(settings, rows=10)
    (tmp_path / "users.ndjson").write_text(json.dumps({"email": "ann@example.com"}) + "\n")
    (tmp_path / "realm.json").write_text(json.dumps({"realm": "x", "users": [keycloak.user("bob")]}))
    works = {
        ("users", "import", "users.ndjson"): "importing",
        ("users", "export", "out.ndjson"): "exporting",
        ("import", "keycloak", "realm.json"): "users",
        ("audit", "export", "--output", "log.ndjson"): "exporting",
        ("purge",): "purging",
        ("verify-audit-log",): "verifying",
    }
    for command, label in works.items():
        shown, answer = shown_on(run, "stderr", *command, "--json")
        assert answer.code == 0, (command, shown)
        assert f"{label}  [" in shown, command
        assert isinstance(json.loads(answer.out), dict), command
