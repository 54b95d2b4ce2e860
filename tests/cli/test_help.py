"""The list of commands is told at once."""

import importlib
import subprocess
import sys

import typer

from app.cli.main import COMMANDS
from app.cli.summaries import SUMMARIES
from tests.cli.running import CLEAN, PROJECT


def test_the_list_of_commands_imports_none_of_them() -> None:
    command = [sys.executable, "-X", "importtime", "-m", "app.cli", "--help"]
    done = subprocess.run(
        command, env=CLEAN | {"COLUMNS": "300"}, cwd=PROJECT, capture_output=True, text=True, check=True, timeout=120
    )
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "app.cli.main" in imported
    assert imported & {"app.main", "app.wiring", "app.settings", "sqlalchemy", "fastapi", *COMMANDS.values()} == set()
    assert [name for name, summary in SUMMARIES.items() if summary not in done.stdout] == []


def test_each_command_is_listed_by_the_first_line_of_its_own_help() -> None:
    told = {
        name: (typer.main.get_command(importlib.import_module(module).app).help or "").partition("\n")[0]
        for name, module in COMMANDS.items()
        if name in SUMMARIES
    }
    assert told == SUMMARIES


# What they print is a file or a log, or they do not end.
WITHOUT_JSON = {"dev", "serve", "worker", "prepare", "settings sample"}


def test_each_command_that_prints_data_prints_it_as_json_too() -> None:
    without = set()
    for name, module in COMMANDS.items():
        found = {name: typer.main.get_command(importlib.import_module(module).app)}
        group = found[name]
        if hasattr(group, "commands"):
            found = {f"{name} {verb}": command for verb, command in group.commands.items()}
        for words, command in found.items():
            if not any("--json" in option.opts for option in command.params):
                without.add(words)
    assert without == WITHOUT_JSON
