import json
from pathlib import Path

FILE = """
version: 1
roles:
  reporter:
    permissions: {orders-api: [orders:write]}
"""


def written(tmp_path, text):
    place = tmp_path / "auth.yaml"
    place.write_text(text)
    return str(place)


def test_the_exit_status_of_a_dry_run_tells_whether_anything_would_change(run, tmp_path):
    place = written(tmp_path, FILE)
    would = run("apply-config", place, "--dry-run")
    assert would.code == 2, would.err
    assert would.out == "+ role reporter\n1 would change; nothing was changed.\n"
    done = run("apply-config", place)
    assert (done.code, done.out) == (0, "+ role reporter\n1 changed.\n")
    again = run("apply-config", place, "--dry-run")
    assert (again.code, again.out) == (0, "Nothing to change.\n")


def test_what_is_exported_is_applied_from_standard_input_without_change(run):
    exported = run("export-config")
    assert exported.code == 0, exported.err
    assert exported.out.startswith("version: 1\n")
    told = run("apply-config", "-", "--dry-run", "--json", stdin=exported.out.encode()).json()
    assert told == {"changed": False, "dry_run": True, "changes": []}
    as_json = run("export-config", "--json")
    assert run("apply-config", "-", "--dry-run", stdin=as_json.out.encode()).out == "Nothing to change.\n"


def test_a_file_that_is_none_is_refused_in_one_line(run, tmp_path):
    refusal = run("apply-config", written(tmp_path, "version: &a 1")).refusal()
    assert "line 1: anchors and aliases are not taken" in refusal
    missing = run("apply-config", str(tmp_path / "nowhere.yaml"))
    assert missing.code == 2
    assert "No such file" in missing.err


def test_the_schema_is_printed_and_the_published_one_is_it(run):
    printed = json.loads(run("export-config", "--schema").out)
    published = Path(__file__).parents[3] / "docs" / "reference" / "configuration.schema.json"
    assert printed == json.loads(published.read_text())
