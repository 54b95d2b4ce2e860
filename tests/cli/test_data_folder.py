import pytest

from app.cli.data_folder import PROJECT, DataFolder, default_path
from app.foundation.encryption import parse_keys
from app.foundation.engines.errors import EngineError


def test_notes_come_back_as_they_were_written(tmp_path):
    folder = DataFolder(tmp_path / "data")
    assert folder.read() is None
    notes = folder.make()
    assert folder.read() == notes


def test_the_key_is_one_that_the_settings_take(tmp_path):
    notes = DataFolder(tmp_path / "data").make()
    assert len(parse_keys(notes.encryption_key)) == 1


def test_every_instance_has_secrets_of_its_own(tmp_path):
    one, other = (DataFolder(tmp_path / name).make() for name in ("one", "other"))
    assert one.encryption_key != other.encryption_key
    assert one.admin_password != other.admin_password


def test_nobody_else_can_read_the_secrets_or_the_logs(tmp_path):
    folder = DataFolder(tmp_path / "data")
    folder.make()
    log = folder.log("service")
    assert folder.path.stat().st_mode & 0o777 == 0o700
    assert (folder.path / "secrets.json").stat().st_mode & 0o777 == 0o600
    assert log.parent.stat().st_mode & 0o777 == 0o700


def test_the_folder_is_private_also_when_a_log_comes_first(tmp_path):
    folder = DataFolder(tmp_path / "data")
    folder.log("service")
    assert folder.path.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("content", ["", "{", "[]", '{"encryption_key": "k"}', '{"unknown": 1}'])
def test_secrets_that_cannot_be_read_are_named_and_never_replaced(tmp_path, content):
    folder = DataFolder(tmp_path / "data")
    folder.make()
    path = folder.path / "secrets.json"
    path.write_text(content)
    with pytest.raises(EngineError, match=r"secrets\.json.*cannot be read"):
        folder.read()
    assert path.read_text() == content


def test_forgetting_removes_secrets_and_logs_and_nothing_else(tmp_path):
    folder = DataFolder(tmp_path / "data")
    folder.make()
    folder.log("service").write_text("line")
    (folder.path / "mine.txt").write_text("kept")
    folder.forget()
    folder.forget()
    assert folder.read() is None
    assert sorted(path.name for path in folder.path.iterdir()) == ["logs", "mine.txt"]


def test_the_default_folder_is_the_projects(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert default_path() == PROJECT / ".data"
