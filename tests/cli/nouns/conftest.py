import io
import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from app.cli.main import main
from app.settings import Settings


class Answer(NamedTuple):
    code: int
    out: str
    err: str

    def json(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out)

    def refusal(self) -> str:
        """The one plain line of a refusal."""
        assert (self.code, self.out) == (1, "")
        assert self.err.startswith("error: ")
        assert self.err.count("\n") == 1
        return self.err


class CommandLine:
    """Runs commands as a shell does, on the test's own database."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capfd = capfd

    def __call__(self, *arguments: str, stdin: bytes = b"") -> Answer:
        self._monkeypatch.setattr(sys, "argv", ["auth-service", *arguments])
        self._monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        self._capfd.readouterr()
        code = 0
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        return Answer(code, *self._capfd.readouterr())


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> CommandLine:
    """For what ends before it comes to a database."""
    monkeypatch.setenv("COLUMNS", "200")
    return CommandLine(monkeypatch, capfd)


@pytest.fixture
def run(bare: CommandLine, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> CommandLine:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ENVIRONMENT", "development")
    monkeypatch.setenv("PUBLIC_URL", settings.public_url)
    monkeypatch.setenv("DATABASE__URL", settings.database.url.get_secret_value())
    monkeypatch.setenv("ENCRYPTION__KEYS", settings.encryption.keys.get_secret_value())
    return bare


@pytest.fixture
def administrator(run: CommandLine) -> str:
    email = "root@example.com"
    assert run("create-admin", "--email", email).code == 0
    return email
