"""`users import` and `users export`."""

import json

import pytest


@pytest.fixture
def lines(tmp_path):
    """A file of three users and a broken line."""
    path = tmp_path / "users.ndjson"
    people = [{"email": f"user{n}@example.com", "name": f"User {n}"} for n in range(3)]
    path.write_text("\n".join([*map(json.dumps, people), '{"email": 7}']) + "\n")
    return path


def test_file_is_imported_and_its_broken_line_is_shown(run, lines):
    answer = run("users", "import", str(lines))
    assert answer.code == 1
    assert "validation_failed" in answer.out
    assert "3 imported, 0 there already, 1 refused, of 4 lines" in answer.out
    again = run("users", "import", str(lines), "--json")
    assert (again.code, json.loads(again.out)["present"]) == (1, 3)
    assert json.loads(again.out)["errors"] == [
        {"line": 4, "code": "validation_failed", "detail": "/email: This must be a string."}
    ]


def test_import_is_resumed_by_its_id(run, lines):
    first = json.loads(run("users", "import", str(lines), "--json").out)
    again = json.loads(run("users", "import", str(lines), "--resume", first["id"], "--json").out)
    assert again == first
    other = run("users", "import", "-", "--resume", first["id"], stdin=b"{}\n")
    assert "shorter than what the import has read" in other.err


def test_users_are_exported_to_a_file_that_only_its_owner_reads(run, lines, tmp_path):
    run("users", "import", str(lines))
    target = tmp_path / "out.ndjson"
    assert run("users", "export", str(target)).code == 0
    assert target.stat().st_mode & 0o777 == 0o600
    assert {json.loads(line)["email"] for line in target.read_text().splitlines()} == {
        f"user{n}@example.com" for n in range(3)
    }
    assert run("users", "export", "-").out == target.read_text()


def test_file_that_is_not_there_is_named(run):
    answer = run("users", "import", "nowhere.ndjson")
    assert answer.code == 2
    assert "nowhere.ndjson cannot be read" in answer.err
