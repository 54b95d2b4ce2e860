"""Tables and facts: plain for pipes, folded and coloured for a terminal."""

import contextlib
import json

import pytest

from app.cli.printing import print_columns, print_done, print_facts, print_json, print_verdict
from app.cli.progress import progress
from app.cli.terminal import complain
from tests.cli.terminal import terminal

HEADS = ("NAME", "SCOPES", "STATE")
ROWS = [("orders", "orders:read orders:write", "active"), ("billing", "-", "revoked")]
PLAIN = """\
NAME     SCOPES                    STATE
orders   orders:read orders:write  active
billing  -                         revoked
"""


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)


def at_terminal(act) -> str:
    with terminal() as told, contextlib.redirect_stdout(told.stream):
        act()
        return told.shown


def test_a_pipe_gets_the_whole_table_without_colours_however_narrow_the_terminal_is(capfd, monkeypatch):
    monkeypatch.setenv("COLUMNS", "10")
    print_columns(HEADS, ROWS)
    assert capfd.readouterr().out == PLAIN


def test_nothing_is_printed_without_rows(capfd):
    print_columns(HEADS, [])
    assert capfd.readouterr().out == ""


def test_a_terminal_gets_bold_heads_and_states_in_their_colours():
    shown = at_terminal(lambda: print_columns(HEADS, ROWS))
    assert shown.count("\x1b[1;4m") == 3
    assert "\x1b[32mactive\x1b[0m" in shown
    assert "\x1b[31mrevoked\x1b[0m" in shown
    bare = shown
    for code in ("1;4", "32", "31", "0"):
        bare = bare.replace(f"\x1b[{code}m", "")
    assert bare == PLAIN


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_who_wants_no_colours_gets_none(monkeypatch, name, value):
    monkeypatch.setenv(name, value)

    def act():
        print_columns(HEADS, ROWS)
        print_facts([("state", "active")], width=8)
        print_verdict("All is well.", good=True)

    assert at_terminal(act) == f"{PLAIN}state    active\nAll is well.\n"


def test_json_has_no_colours_on_a_terminal_and_speaks_to_none():
    value = [{"state": "active", "name": "Bél\x1b[2J\x9b2J\u202e\n"}]
    shown = at_terminal(lambda: print_json(value))
    assert json.loads(shown) == value
    assert "Bél" in shown
    assert all(each.isprintable() or each == "\n" for each in shown)


def test_columns_of_words_are_folded_where_the_terminal_is_narrow(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "36")
    assert at_terminal(lambda: print_columns(HEADS, ROWS)) == (
        "NAME     SCOPES              STATE\n"
        "orders   orders:read         active\n"
        "         orders:write\n"
        "billing  -                   revoked\n"
    )


def test_ids_stay_whole_where_no_folding_is_enough(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "24")
    shown = at_terminal(lambda: print_columns(HEADS, ROWS))
    assert shown == (
        "NAME   orders\nSCOPES orders:read orders:write\nSTATE  active\n\nNAME   billing\nSCOPES -\nSTATE  revoked\n"
    )


@pytest.mark.attack("ADM-06")
def test_what_a_stranger_typed_never_speaks_to_the_terminal(capfd):
    name = "\x1b]0;mine\x07 x\ny\x9b31m"
    print_columns(("NAME",), [(name,)])
    print_facts([("name", name)], width=5)
    print_done(f"deleted {name}", {}, as_json=False)
    out = capfd.readouterr().out
    assert "\x1b" not in out
    assert "\x9b" not in out
    assert out.count("\n") == 4


def test_wide_characters_take_two_places(capfd):
    print_columns(("NAME", "STATE"), [("東京", "active"), ("Zoe\u0301", "active")])
    assert capfd.readouterr().out == "NAME  STATE\n東京  active\nZoe\u0301   active\n"


def test_a_bar_is_for_terminals_and_stands_on_standard_error(capfd, monkeypatch):
    with terminal() as told, contextlib.redirect_stderr(told.stream):
        with progress("verifying", total=10) as bar:
            bar.advance(5)
            bar.at("entries")
            bar.reach(10, 10)
        shown = told.shown
        assert "verifying" in shown
        assert "entries" in shown
        assert "100%" in shown
        with progress("exporting") as bar:
            bar.advance(7)
        assert "7" in told.shown
        monkeypatch.setenv("TERM", "dumb")
        with progress("verifying", total=10) as bar:
            bar.advance(5)
        assert told.shown == ""
    with progress("verifying", total=10) as bar:
        bar.advance(10)
    assert capfd.readouterr() == ("", "")


def test_no_bar_stands_in_the_midst_of_data_on_the_same_terminal():
    with terminal() as told, contextlib.redirect_stderr(told.stream), contextlib.redirect_stdout(told.stream):
        with progress("exporting", beside_output=True) as bar:
            bar.advance(7)
        assert told.shown == ""


def test_a_complaint_begins_in_its_colour():
    with terminal() as told, contextlib.redirect_stderr(told.stream):
        complain("error", "no such user")
        complain("warning", "it will do")
        assert told.shown == "\x1b[31merror:\x1b[0m no such user\n\x1b[33mwarning:\x1b[0m it will do\n"
