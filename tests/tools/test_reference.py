"""The reference pages are what the code says, and leave nothing out."""

import json

import pytest

from app.cli.main import COMMANDS
from app.foundation.environment import variables
from app.settings import Settings
from tools.reference.__main__ import FOLDER
from tools.reference.cures import CURES
from tools.reference.inventory import codes, events
from tools.reference.pages import PAGES


@pytest.mark.parametrize("name", PAGES, ids=str)
def test_the_committed_page_is_what_the_code_says(name):
    assert (FOLDER / name).read_text() == PAGES[name](), "run: .venv/bin/python -m tools.reference"


def test_every_code_has_its_cure_and_every_cure_its_code():
    assert {code.code for code in codes()} == set(CURES)


def test_every_code_has_a_heading_to_link_to():
    headings = [line.removeprefix("## ") for line in (FOLDER / "errors.md").read_text().splitlines() if "## " in line]
    assert headings == [code.code for code in codes()]


def test_every_setting_event_and_command_stands_on_its_page():
    settings, listed, commands = ((FOLDER / name).read_text() for name in ("settings.md", "events.md", "cli.md"))
    assert [v.name for v in variables(Settings) if f"### `{v.name}`\n" not in settings] == []
    assert [kind.type for kind in events() if listed.count(f"| `{kind.type}` |") != 1] == []
    shown = set(COMMANDS) - {"prepare"}
    assert [name for name in shown if f"## auth-service {name}\n" not in commands] == []


def test_no_type_of_event_is_given_twice():
    types = [kind.type for kind in events()]
    assert len(types) == len(set(types))


def test_the_openapi_document_is_in_order():
    text = (FOLDER / "openapi.json").read_text()
    assert text == json.dumps(json.loads(text), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
