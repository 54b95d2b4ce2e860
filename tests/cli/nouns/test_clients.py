from tests.support import claims_of

CREATE = ("create-client", "--name", "orders", "--audience", "orders-api", "--scope", "introspection")


def test_a_client_is_created_shown_and_listed(run):
    made = run(*CREATE, "--scope", "revocations:read", "--json").json()
    assert sorted(made) == ["client_id", "client_secret"]
    shown = run("clients", "show", made["client_id"], "--json").json()
    assert shown["scopes"] == ["introspection", "revocations:read"]
    assert run("clients", "list", "--json").json() == [shown]
    assert made["client_secret"] not in run("clients", "show", made["client_id"]).out
    assert (
        f"{made['client_id']}  orders  orders-api  introspection revocations:read  -       active"
        in run("clients", "list").out
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


def test_what_a_client_may_ask_for_is_told_and_kept(run):
    stated = ("create-client", "--name", "reporting", "--audience", "orders-api", "--scope", "orders:read")
    made = run(*stated, "--grant", "client_credentials", "--json").json()
    shown = run("clients", "show", made["client_id"], "--json").json()
    assert (shown["grant_types"], shown["targets"]) == (["client_credentials"], {"orders-api": ["orders:read"]})
    claims = claims_of(run("token", "mint", "--client", made["client_id"]).out.strip())
    assert (claims["sub"], claims["aud"], claims["scope"]) == (made["client_id"], "orders-api", "orders:read")
    assert "--user or --client" in run("token", "mint").refusal()
    assert run("clients", "delete", made["client_id"]).out.strip().endswith("is deleted.")
    assert "clients list" in run("clients", "show", made["client_id"]).refusal()


def test_an_app_without_a_secret_names_where_a_browser_may_be_sent(run):
    stated = ("create-client", "--name", "app", "--public", "--redirect-uri")
    made = run(*stated, "com.example.app:/cb", "--json").json()
    assert made["client_secret"] is None
    shown = run("clients", "show", made["client_id"], "--json").json()
    assert shown["grant_types"] == ["authorization_code", "refresh_token"]
    assert shown["token_endpoint_auth_method"] == "none"
    assert "redirect_uris/0" in run(*stated, "http://a.test/cb").refusal()
    assert "--public" in run(*stated, "https://a.test/cb", "--auth-method", "private_key_jwt").refusal()


def test_what_signing_people_in_needs_is_told_and_kept(run):
    app = "https://app.example.com"
    made = run(
        *("create-client", "--name", "shop", "--redirect-uri", f"{app}/cb", "--grant", "authorization_code"),
        *("--post-logout-redirect-uri", f"{app}/bye", "--backchannel-logout-uri", f"{app}/out"),
        *("--allowed-origin", app, "--claim", "department=user.attributes.department", "--trusted", "--json"),
        *("--verified-publisher", "Shop Ltd"),
        *("--scope", "openid", "--scope", "email"),
    ).json()
    shown = run("clients", "show", made["client_id"], "--json").json()
    assert shown["post_logout_redirect_uris"] == [f"{app}/bye"]
    assert shown["backchannel_logout_uri"] == f"{app}/out"
    assert (shown["allowed_origins"], shown["verified_publisher"]) == ([app], "Shop Ltd")
    assert shown["claim_mappings"] == {"department": "user.attributes.department"}
    assert (shown["consent_required"], shown["pkce_required"], shown["application_type"]) == (False, True, "web")
    refused = run("create-client", "--name", "x", "--redirect-uri", f"{app}/cb", "--logo-uri", "javascript:alert(1)")
    assert "logo_uri" in refused.refusal()
    assert "department=" in run("create-client", "--name", "x", "--claim", "department").refusal()


def test_where_codes_may_be_sent_is_changed_and_what_is_wrong_is_said(run):
    first, second, origin = "http://localhost:3000/cb", "https://app.example.com/cb", "https://app.example.com"
    client_id = run("create-client", "--name", "app", "--public", "--redirect-uri", first, "--json").json()["client_id"]
    update = ("clients", "update", client_id)
    publisher = ("--verified-publisher", "App Ltd")
    changed = run(*update, "--add-redirect-uri", second, "--add-origin", origin, *publisher, "--json").json()
    assert changed["redirect_uris"] == [first, second]
    assert (changed["allowed_origins"], changed["verified_publisher"]) == ([origin], "App Ltd")
    changed = run(*update, "--remove-redirect-uri", first, "--remove-origin", origin, "--unverified", "--json").json()
    assert (changed["redirect_uris"], changed["allowed_origins"]) == ([second], [])
    assert changed["verified_publisher"] is None
    assert "opposite" in run(*update, *publisher, "--unverified").refusal()
    assert f"no such redirect URI: {first}. It has: {second}" in run(*update, "--remove-redirect-uri", first).refusal()
    assert "redirect_uris" in run(*update, "--add-redirect-uri", "http://evil.test/cb").refusal()
    assert "Say what shall change" in run(*update).refusal()
    assert "clients list" in run("clients", "update", "c_unknown", "--add-redirect-uri", second).refusal()
    assert run("clients", "show", client_id, "--json").json()["redirect_uris"] == [second]
