import csv
import json
import sys

import pytest


@pytest.fixture
def log(run, administrator):
    """A log with a person in it."""
    return run("audit", "list", "--type", "user.created", "--json").json()


def test_entries_are_listed_by_what_is_known_of_them(run, log):
    (entry,) = log
    assert entry["actor"]["kind"] == "operator"
    for option, value in (
        ("--subject", entry["subject"]),
        ("--trace-id", entry["trace_id"]),
        ("--actor", entry["actor"]["id"]),
        ("--from", entry["at"][:10]),
    ):
        assert entry in run("audit", "list", option, value, "--json").json(), option
    assert run("audit", "list", "--ip", "192.0.2.9", "--json").json() == []
    assert run("audit", "list", "--to", "2020-01-01", "--json").json() == []


def test_a_table_shows_who_did_what_to_whom(run, log):
    heads, first, *_ = run("audit", "list", "--type", "user.created").out.splitlines()
    assert heads.split() == ["AT", "TYPE", "OUTCOME", "ACTOR", "SUBJECT", "IP", "ID"]
    assert log[0]["subject"] in first


def test_one_entry_is_shown_and_one_that_is_not_there_is_a_plain_refusal(run, log):
    shown = run("audit", "show", log[0]["id"])
    assert "user.created" in shown.out
    assert run("audit", "show", log[0]["id"], "--json").json() == log[0]
    assert "no such entry" in run("audit", "show", "01a1feb9-d437-7000-8000-000000000000").refusal()


def test_looking_is_written_with_the_operator_s_name(run, log):
    read = run("audit", "list", "--type", "audit.read", "--json").json()
    assert {entry["actor"]["kind"] for entry in read} == {"operator"}
    assert read[0]["details"]["filter"] == {"type": "user.created"}


def test_an_export_fills_a_new_file_and_never_an_old_one(run, log, tmp_path):
    file = tmp_path / "log.csv"
    answer = run("audit", "export", "--format", "csv", "--output", str(file))
    text = file.read_text()
    rows = list(csv.DictReader(text.splitlines()))
    assert answer.out == f"{len(rows)} entries written to {file}\n"
    assert "user.created" in {row["type"] for row in rows}
    assert run("audit", "export", "--output", str(file)).code == 2
    assert file.read_text() == text


def test_an_export_goes_to_standard_output_by_default(run, log, capfd):
    answer = run("audit", "export", "--type", "user.created")
    sys.stdout.flush()
    assert [json.loads(line) for line in answer.out.splitlines()] == log


def test_a_person_is_erased_by_their_sub_once_the_operator_is_sure(run, log):
    sub = log[0]["subject"]
    assert run("audit", "erase", sub).code == 1
    erased = run("audit", "erase", sub, "--yes", "--json").json()
    assert erased["subject"] == sub
    assert erased["entries"] >= 1
    entries = run("audit", "list", "--subject", sub, "--json").json()
    (told,) = [entry for entry in entries if entry["type"] == "audit.erased"]
    assert (told["details"], told["actor"]["kind"]) == ({"entries": erased["entries"]}, "operator")
    assert all(entry["details"] == {} for entry in entries if entry["type"] != "audit.erased")
    assert run("audit", "erase", sub, "--yes").out == "erased what was personal in 0 entries\n"
