"""The project speaks of itself alone: nothing in it depends on the machine it was written on."""

import re
from pathlib import Path

import pytest

from tests.architecture import house

FOREIGN = re.compile(
    r"""
    (?<![\w.*-])/(?:work|root)/                      # folders of a machine
    | /home/\w+/ | /Users/\w+/ | [A-Z]:\\Users\\
    | pypi\.org/simple | files\.pythonhosted\.org    # where one machine happens to get its packages
    | registry\.npmjs\.org
    | --(?:extra-)?index-url | --find-links | --trusted-host
    """,
    re.VERBOSE,
)


def foreign_words(root: Path) -> list[str]:
    found = []
    for path in house.tracked_files(root):
        content = path.read_bytes()
        if b"\0" in content[:8192] or path == Path(__file__):
            continue
        for number, line in enumerate(content.decode(errors="replace").splitlines(), start=1):
            if match := FOREIGN.search(line):
                found.append(f"{path.relative_to(root)}:{number}: {match[0]}")
    return found


def test_no_file_names_a_machine_or_a_registry():
    assert foreign_words(house.PROJECT) == []


@pytest.mark.parametrize(
    "line",
    [
        "see /work/notes.md",
        'home = "/root/.cache"',
        "/home/ann/project",
        "--index-url x",
        '{ registry = "https://pypi.org/simple" }',
        "https://files.pythonhosted.org/packages/x.whl",
    ],
)
def test_a_machine_or_a_registry_is_caught(tmp_path, line):
    (tmp_path / ".gitignore").write_text("# local\n.venv/\n*.lock\n")
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "ignored.txt").write_text(line)
    (tmp_path / "uv.lock").write_text(line)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "note.md").write_text(f"First.\n{line}\n")
    assert [word.rpartition(":")[0] for word in foreign_words(tmp_path)] == ["docs/note.md:2"]
