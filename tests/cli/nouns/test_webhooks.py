import pytest


@pytest.fixture(autouse=True)
def _open_loopback(monkeypatch):
    monkeypatch.setenv("HTTP__ALLOW_PRIVATE", "127.0.0.0/8")


CREATE = ("webhooks", "create", "http://127.0.0.1:9/hooks", "--event", "user.created")


def test_a_webhook_is_created_shown_listed_and_deleted(run):
    made = run(*CREATE, "--description", "for billing", "--json").json()
    shown = run("webhooks", "show", made["id"], "--json").json()
    assert shown | {"secret": made["secret"]} == made
    assert run("webhooks", "list", "--json").json() == [shown]
    assert f"{made['id']}  http://127.0.0.1:9/hooks  user.created  active" in run("webhooks", "list").out
    assert made["secret"] not in run("webhooks", "show", made["id"]).out
    assert "deleted" in run("webhooks", "delete", made["id"]).out
    assert "webhooks list" in run("webhooks", "show", made["id"]).refusal()


def test_a_secret_is_shown_once_also_to_the_eye(run):
    told = run(*CREATE).out
    assert "whsec_" in told
    assert "not be shown again" in told


def test_a_webhook_is_disabled_enabled_and_resumed(run):
    webhook = run(*CREATE, "--json").json()["id"]
    assert run("webhooks", "disable", webhook, "--json").json()["state"] == "disabled"
    assert run("webhooks", "enable", webhook, "--json").json()["state"] == "active"
    assert run("webhooks", "resume", webhook, "--json").json()["state"] == "active"


def test_a_webhook_gets_another_secret(run):
    made = run(*CREATE, "--json").json()
    again = run("webhooks", "rotate-secret", made["id"], "--overlap-seconds", "60", "--json").json()
    assert again["secret"] != made["secret"]


def test_a_test_event_that_is_not_taken_is_a_plain_refusal_and_stands_in_the_log(run):
    webhook = run(*CREATE, "--json").json()["id"]
    assert "not taken" in run("webhooks", "test", webhook).refusal()
    [logged] = run("webhooks", "deliveries", webhook, "--state", "dead", "--json").json()
    assert logged["event_type"] == "webhook.test"
    assert run("webhooks", "replay", webhook, "--since", "2026-01-01", "--json").json() == {"deliveries": 0}
    assert run("webhooks", "replay", webhook, "--delivery", logged["id"]).out == "1 to be sent again\n"


def test_refusals_name_what_is_right(run):
    assert "HTTP__ALLOW_PRIVATE" in run("webhooks", "create", "https://10.0.0.1/").refusal()
    assert "user.created" in run("webhooks", "create", "https://hooks.example.com/", "--event", "x").refusal()
