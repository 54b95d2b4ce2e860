"""`import keycloak`."""

import json

import pytest

from tests.support import PASSWORD
from tests.transfer import realm as keycloak


@pytest.fixture
def export(tmp_path):
    path = tmp_path / "realm.json"
    path.write_text(json.dumps(keycloak.realm(PASSWORD)))
    return str(path)


def test_realm_moves_in_and_its_losses_are_listed(run, export):
    planned = run("import", "keycloak", export, "--dry-run")
    assert planned.code == 2
    assert "WOULD COME" in planned.out
    assert "wildcards are not taken over" in planned.out
    done = run("import", "keycloak", export, "--json")
    assert done.code == 2
    assert json.loads(done.out)["imported"]["user"] == 5
    assert {client["name"] for client in json.loads(done.out)["clients"]} == {"storefront", "robot"}
    assert run("users", "show", "ann@example.com", "--json").json()["attributes"]["tier"] == "gold"


def test_realm_without_a_loss_ends_well(run, tmp_path):
    path = tmp_path / "realm.json"
    path.write_text(json.dumps({"realm": "x", "users": [keycloak.user("ann")]}))
    assert run("import", "keycloak", str(path), "--json").json()["lost"] == {}


@pytest.mark.parametrize(("name", "words"), [("nowhere.json", "cannot be read"), ("odd.json", "no export of a realm")])
def test_file_that_is_no_realm_is_refused_in_a_line(run, tmp_path, name, words):
    (tmp_path / "odd.json").write_text("{}")
    assert words in run("import", "keycloak", str(tmp_path / name)).refusal()
