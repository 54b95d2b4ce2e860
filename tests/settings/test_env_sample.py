"""`.env-sample` is what the settings classes say, and a copy of it is a good start."""

from pathlib import Path

from typer.testing import CliRunner

from app.cli.settings import app, env_sample
from app.foundation.environment import variables
from app.settings import Settings, load_settings
from tests.settings.test_settings import DEVELOPMENT, GOOD

SAMPLE = Path(__file__).parents[2] / ".env-sample"


def test_the_committed_file_is_what_the_classes_say():
    assert SAMPLE.read_text() == env_sample(), "run: auth-service settings sample > .env-sample"


def test_the_command_prints_it():
    result = CliRunner().invoke(app, ["sample"])
    assert result.exit_code == 0
    assert result.stdout == env_sample()


def test_every_setting_stands_in_it_once_under_a_comment():
    lines = env_sample().splitlines()
    for variable in variables(Settings):
        at = [n for n, line in enumerate(lines) if line.removeprefix("# ").startswith(f"{variable.name}=")]
        assert len(at) == 1, variable.name
        assert lines[at[0] - 1].startswith("# ")


def test_a_copy_changes_nothing_but_what_it_must(tmp_path: Path):
    copy = tmp_path / ".env"
    copy.write_text(env_sample())
    warnings: list[str] = []
    assert load_settings(DEVELOPMENT, env_file=copy, warn=warnings.append) == load_settings(DEVELOPMENT, env_file=None)
    environ = {name: value for name, value in GOOD.items() if name != "ACCOUNTS__HIDE_EXISTENCE"}
    assert not load_settings(environ, env_file=copy, warn=warnings.append).hides_existence
    assert warnings == []
