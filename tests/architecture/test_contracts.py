"""The contracts between modules hold, and each of them bites: a tree with every violation seeded breaks them all."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.architecture.house import PROJECT

CONTRACTS = {
    contract["id"]: contract["name"]
    for contract in tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
}

# Imports added to a copy of the project; the contract's report must name each.
SEEDS = {
    "layers": [
        "app.foundation.seeded -> app.users.models",
        "app.users.seeded -> app.signing_keys.models",
        "app.sessions.seeded -> app.grants.models",
        "app.audit.seeded -> app.main",
    ],
    "feature": [
        "app.groups.models -> app.groups.store",
        "app.groups.store -> app.groups.find",
        "app.groups.find -> app.groups.service",
        "app.groups.service -> app.groups.routes",
        "app.groups.routes -> app.groups.pages",
        "app.groups.pages -> app.groups.jobs",
        "app.factors.seeded.store -> app.factors.seeded.service",
    ],
    "protocols": [
        "app.protocols.seeded -> starlette",
        "app.protocols.seeded -> sqlalchemy",
        "app.protocols.seeded -> socket",
        "app.protocols.seeded -> time",
    ],
    "web": [
        "app.clients.service -> app.clients.answer",
        "app.clients.answer -> fastapi",
        "app.clients.store -> starlette",
        "app.clients.models -> jinja2",
    ],
    "settings": ["app.users.seeded -> app.settings", "app.clients.service -> app.settings"],
    "aioauth": ["app.oauth.seeded -> aioauth"],
    "factors": ["app.factors.seeded.service -> app.factors.other.service"],
    "connectors": ["app.federation.oidc.service -> app.federation.ldap.service"],
    "service-and-sdk": ["app.users.seeded -> auth_service_sdk", "app.users.seeded -> sdk"],
    "sdk-and-service": ["auth_service_sdk.seeded -> app.users.models", "sdk.seeded -> app.users.models"],
}

# Imports added beside them that no contract may complain of.
ALLOWED = [
    "app.oauth.kernel.adapter -> aioauth",
    "app.factors.seeded.service -> app.factors.factor",
    "app.factors.other.service -> app.factors.factor",
    "app.federation.ldap.service -> app.federation.connector",
    "app.groups.routes -> app.groups.service",
    "app.groups.jobs -> app.groups.service",
    "app.main -> app.settings",
]

UNLISTED = "app.drawer"


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    command = "from importlinter.cli import lint_imports_command as lint; lint(['--no-cache', '--no-logo'])"
    paths = os.pathsep.join([str(root), str(root / "sdk/src")])
    environment = {**os.environ, "PYTHONPATH": paths, "COLUMNS": "400", "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, "-c", command], cwd=root, env=environment, capture_output=True, text=True, check=False
    )


def seed(root: Path, module: str, line: str) -> None:
    """Add a line to a module, which is made with its packages where the project has none of that name."""
    source = root if module.startswith("app.") else root / "sdk/src"
    path = source.joinpath(*module.split(".")).with_suffix(".py")
    if (package := path.with_suffix("") / "__init__.py").exists():
        path = package
    path.parent.mkdir(parents=True, exist_ok=True)
    for folder in path.relative_to(source).parents[:-1]:
        (source / folder / "__init__.py").touch()
    with path.open("a") as file:
        file.write(f"\n{line}\n")


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> str:
    """What the linter says of a copy of the project with every seed in it."""
    root = tmp_path_factory.mktemp("seeded")
    shutil.copy(PROJECT / "pyproject.toml", root)
    for folder in ("app", "sdk/src"):
        shutil.copytree(PROJECT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for added in (*(line for lines in SEEDS.values() for line in lines), *ALLOWED):
        importer, imported = added.split(" -> ")
        seed(root, importer, f"import {imported}")
        if imported.startswith("app."):
            seed(root, imported, "")
    seed(root, f"{UNLISTED}.__init__", "")
    result = lint_imports(root)
    assert result.returncode == 1, result.stdout + result.stderr
    return result.stdout


def section(report: str, contract: str) -> str:
    """The part of the report that tells how a contract was broken."""
    _, _, details = report.partition("Broken contracts")
    _, _, rest = details.partition(f"{CONTRACTS[contract]}\n---")
    ends = [end for name in CONTRACTS.values() if (end := rest.find(f"\n{name}\n---")) >= 0]
    return rest[: min(ends, default=len(rest))]


def test_the_house_keeps_its_contracts():
    result = lint_imports(PROJECT)
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_contract_has_a_seeded_violation():
    assert set(SEEDS) == set(CONTRACTS)


@pytest.mark.parametrize("contract", sorted(CONTRACTS))
def test_a_seeded_violation_breaks_its_contract(report, contract):
    assert f"{CONTRACTS[contract]} BROKEN" in report
    assert [line for line in SEEDS[contract] if f"{line} (" not in section(report, contract)] == []


def test_a_folder_that_is_not_on_the_list_is_caught(report):
    assert f"- {UNLISTED}\n" in section(report, "layers")


@pytest.mark.parametrize("line", ALLOWED)
def test_what_the_house_allows_is_no_violation(report, line):
    assert f"- {line} (" not in report
