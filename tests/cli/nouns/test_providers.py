import json

CREATE = ("providers", "create", "corp", "--name", "Corp", "--preset", "keycloak")
CONFIG = ("--set", "realm_url=https://sso.corp.invalid/realms/main", "--set", "client_id=auth-service")


def test_a_provider_is_created_shown_listed_changed_and_deleted(run, monkeypatch, tmp_path):
    monkeypatch.setenv("CORP_SECRET", "s3cret")
    made = run(*CREATE, *CONFIG, "--secret", "env:CORP_SECRET", "--domain", "corp.example", "--json").json()
    assert made["callback_url"].endswith("/auth/oauth/corp/callback")
    assert (made["has_secret"], made["policy"]["domains"]) == (True, ["corp.example"])
    assert run("providers", "show", "corp", "--json").json() == made
    assert run("providers", "list", "--json").json() == [made]
    assert "corp      Corp  keycloak  enabled  registry  corp.example" in run("providers", "list").out
    place = tmp_path / "secret"
    place.write_text("another")
    changed = run(
        *("providers", "change", "corp", "--name", "Corporation", "--set", 'scopes=["openid","email"]'),
        *("--set", "kc_idp_hint=google", "--secret", f"file:{place}", "--json"),
    ).json()
    assert changed["config"]["scopes"] == ["openid", "email"]
    assert (changed["name"], changed["config"]["kc_idp_hint"]) == ("Corporation", "google")
    bare = run("providers", "change", "corp", "--set", "kc_idp_hint=", "--json").json()
    assert "kc_idp_hint" not in bare["config"]
    assert run("providers", "disable", "corp", "--json").json()["enabled"] is False
    assert run("providers", "enable", "corp", "--json").json()["enabled"] is True
    assert "s3cret" not in run("providers", "show", "corp").out
    assert "deleted" in run("providers", "delete", "corp").out
    assert "providers list" in run("providers", "show", "corp").refusal()


def test_a_connection_that_does_not_work_is_a_plain_refusal_and_the_doctors_fault(run):
    run(*CREATE, *CONFIG)
    told = run("providers", "test", "corp")
    assert told.code == 1
    assert told.err.startswith("error: This fails: discovery")
    assert "FAULT   discovery  a JSON document at https://sso.corp.invalid/" in told.out
    found = run("doctor", "--json")
    assert found.code == 1
    (finding,) = [one for one in json.loads(found.out)["checks"] if one["check"] == "provider corp"]
    assert finding["result"] == "fault"
    assert "providers test corp" in finding["cure"]


def test_presets_are_listed(run):
    assert "github    oauth2\n" in run("providers", "presets").out
    assert {"preset": "keycloak", "kind": "oidc"} in run("providers", "presets", "--json").json()


def test_refusals_name_what_is_right(run):
    assert "realm_url" in run(*CREATE, "--set", "client_id=x").refusal()
    assert "never the secret itself" in run(*CREATE, *CONFIG, "--secret", "s3cret").err
    assert "MEMBER=VALUE" in run(*CREATE, "--set", "nonsense").err
    assert "not JSON" in run(*CREATE, "--set", "scopes=[").err
    assert "cannot be read" in run(*CREATE, *CONFIG, "--secret", "file:/nowhere/at/all").refusal()
