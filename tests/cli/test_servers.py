import pytest

from app.cli.servers import OwnServers, own_servers
from app.foundation.engines.errors import EngineError

DATABASE = "postgresql+asyncpg://auth:p%40ss@db.example.com/auth?ssl=require"


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name in ("DATABASE__URL", "DATABASE__URL_FILE", "REDIS__URL", "REDIS__URL_FILE"):
        monkeypatch.delenv(name, raising=False)


def test_without_a_word_there_are_none():
    assert own_servers() == OwnServers(None, None)


def test_the_environment_names_them(monkeypatch):
    monkeypatch.setenv("DATABASE__URL", DATABASE)
    assert own_servers() == OwnServers(DATABASE, None)


@pytest.mark.parametrize(
    "line", [f"DATABASE__URL={DATABASE}", f"export DATABASE__URL = '{DATABASE}'", f'DATABASE__URL="{DATABASE}"']
)
def test_the_env_file_names_them(tmp_path, line):
    (tmp_path / ".env").write_text(f"# DATABASE__URL=commented\n{line}\n")
    assert own_servers().database_url == DATABASE


def test_the_environment_goes_before_the_env_file(monkeypatch, tmp_path):
    (tmp_path / ".env").write_text("REDIS__URL=redis://file\n")
    monkeypatch.setenv("REDIS__URL", "redis://environment")
    assert own_servers().redis_url == "redis://environment"


def test_an_empty_value_is_none(monkeypatch, tmp_path):
    (tmp_path / ".env").write_text("REDIS__URL=\n")
    monkeypatch.setenv("DATABASE__URL", "")
    assert own_servers() == OwnServers(None, None)


def test_a_file_holds_the_value(monkeypatch, tmp_path):
    (tmp_path / "secret").write_text(f"{DATABASE}\n")
    monkeypatch.setenv("DATABASE__URL_FILE", str(tmp_path / "secret"))
    assert own_servers().database_url == DATABASE


def test_a_file_that_cannot_be_read_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("DATABASE__URL_FILE", str(tmp_path / "missing"))
    with pytest.raises(EngineError, match="DATABASE__URL_FILE"):
        own_servers()
