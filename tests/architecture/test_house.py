"""The house as it stands keeps its own rules; each rule is shown to bite on a tree that breaks it."""

import subprocess
import sys
from pathlib import Path

import grimp
import pytest

from tests.architecture import house


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def graph_of(*imports: tuple[str, str]) -> grimp.ImportGraph:
    graph = grimp.ImportGraph()
    for importer, imported in imports:
        graph.add_module(importer)
        graph.add_module(imported)
        graph.add_import(importer=importer, imported=imported)
    return graph


def test_no_file_is_longer_than_a_reader_keeps_in_mind():
    assert house.long_files(house.PROJECT) == []


@pytest.mark.parametrize("folder", ["app/users", "sdk/src/auth_service_sdk", "examples/orders_api"])
def test_a_file_that_is_too_long_is_caught(tmp_path, folder):
    tree = write(tmp_path, {f"{folder}/long.py": "x = 1\n" * 301, f"{folder}/fits.py": "x = 1\n" * 300})
    assert house.long_files(tree) == [f"{folder}/long.py: 301 lines"]


def test_migrations_may_be_long(tmp_path):
    tree = write(tmp_path, {"app/migrations/versions/0001_all.py": "x = 1\n" * 301})
    assert house.long_files(tree) == []


def test_no_module_is_a_drawer():
    assert house.drawers(house.PROJECT) == []


@pytest.mark.parametrize("name", sorted(house.DRAWERS))
def test_a_drawer_is_caught_as_module_and_as_folder(tmp_path, name):
    tree = write(tmp_path, {f"app/users/{name}.py": "", f"sdk/src/{name}/claims.py": "", f"app/{name}_list.py": ""})
    assert house.drawers(tree) == [f"app/users/{name}.py", f"sdk/src/{name}/claims.py"]


def test_only_the_entry_points_catch_everything():
    assert house.broad_excepts(house.PROJECT) == []


@pytest.mark.parametrize(
    "clause", ["except Exception:", "except:", "except (OSError, Exception):", "except BaseException:"]
)
def test_a_handler_that_catches_everything_is_caught(tmp_path, clause):
    handler = f"try:\n    x = 1\n{clause}\n    x = 2\n"
    tree = write(tmp_path, {"app/users/service.py": handler, "app/main.py": handler, "app/worker.py": handler})
    assert house.broad_excepts(tree) == ["app/users/service.py:3"]


def test_a_handler_that_cleans_up_and_raises_again_passes(tmp_path):
    tree = write(tmp_path, {"app/users/service.py": "try:\n    x = 1\nexcept BaseException:\n    x = 2\n    raise\n"})
    assert house.broad_excepts(tree) == []


def test_no_feature_reaches_into_another_ones_private_modules():
    assert house.private_imports(grimp.build_graph("app", cache_dir=None)) == []


@pytest.mark.parametrize("part", sorted(house.PRIVATE))
@pytest.mark.parametrize("importer", ["app.login.service", "app.cli.users", "app.wiring", "app.factors.totp.service"])
def test_reaching_into_another_features_private_module_is_caught(importer, part):
    graph = graph_of((importer, f"app.users.{part}"))
    assert house.private_imports(graph) == [f"{importer} -> app.users.{part}"]


def test_a_private_module_that_grew_into_a_folder_stays_private():
    graph = graph_of(("app.oauth.token", "app.login.pages.password"))
    assert house.private_imports(graph) == ["app.oauth.token -> app.login.pages.password"]


def test_a_factor_is_a_feature_of_its_own():
    graph = graph_of(("app.factors.factor", "app.factors.password.store"))
    assert house.private_imports(graph) == ["app.factors.factor -> app.factors.password.store"]


def test_a_feature_uses_its_own_private_modules_and_the_entry_points_mount_them():
    graph = graph_of(
        ("app.users.service", "app.users.store"),
        ("app.users.routes", "app.users.schemas"),
        ("app.main", "app.users.routes"),
        ("app.main", "app.login.pages"),
        ("app.worker", "app.webhooks.jobs"),
        ("app.login.service", "app.users.service"),
        ("app.login.pages", "app.foundation.pages"),
    )
    assert house.private_imports(graph) == []


def test_examples_do_not_know_the_service():
    assert house.service_imports(house.PROJECT) == []


@pytest.mark.parametrize("statement", ["import app.users", "from app.foundation import clock", "from app import main"])
def test_an_example_that_knows_the_service_is_caught(tmp_path, statement):
    tree = write(tmp_path, {"examples/orders_api/main.py": f"from fastapi import FastAPI\n{statement}\n"})
    assert len(house.service_imports(tree)) == 1


def banned(source: str, filename: str) -> bool:
    command = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--no-cache",
        "--select",
        "TID251",
        "--stdin-filename",
        filename,
        "-",
    ]
    result = subprocess.run(command, input=source, capture_output=True, text=True, cwd=house.PROJECT, check=False)
    return result.returncode == 1 and "TID251" in result.stdout


CLOCKS_AND_DICE = [
    "from datetime import UTC, datetime\n\nnow = datetime.now(UTC)\n",
    "import datetime\n\nnow = datetime.datetime.utcnow()\n",
    "import time\n\nnow = time.time()\n",
    "from time import time\n\nnow = time()\n",
    "import random\n",
    "from random import choice\n",
    "import secrets\n",
    "from secrets import token_urlsafe\n",
]


@pytest.mark.parametrize("source", CLOCKS_AND_DICE)
def test_a_clock_or_dice_of_its_own_is_caught(source):
    assert banned(source, "app/users/service.py")


@pytest.mark.parametrize("filename", ["app/foundation/clock.py", "app/foundation/secrets.py"])
@pytest.mark.parametrize("source", ["import time\n\nnow = time.time()\n", "import secrets\n"])
def test_clock_and_secrets_stand_in_the_foundation(source, filename):
    assert not banned(source, filename)
