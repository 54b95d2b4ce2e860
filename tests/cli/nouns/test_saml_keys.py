def test_a_saml_key_is_published_rotated_to_and_retired(run):
    [first] = run("saml-keys", "list", "--json").json()
    assert first["state"] == "active"
    following = run("saml-keys", "publish", "--json").json()
    assert following["certificate"].startswith("-----BEGIN CERTIFICATE-----")
    assert "saml-keys rotate" in run("saml-keys", "publish").refusal()
    assert "know it from" in run("saml-keys", "rotate").refusal()
    shown = run("saml-keys", "list").out
    assert f"{following['fingerprint']}  next" in shown
    done = run("saml-keys", "rotate", "--force", "--json").json()
    assert (done["active"], done["former"]) == (following["fingerprint"], first["fingerprint"])
    assert "until its end" in run("saml-keys", "retire", first["fingerprint"]).refusal()
    assert "is gone" in run("saml-keys", "retire", first["fingerprint"], "--force").out
    assert "saml-keys list" in run("saml-keys", "retire", first["fingerprint"]).refusal()
    assert [key["state"] for key in run("saml-keys", "list", "--json").json()] == ["active"]
