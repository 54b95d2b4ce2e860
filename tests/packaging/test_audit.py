"""What is installed is pinned by its hash, and a package with a known vulnerability fails the checks."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from tools.audit_dependencies import LOCKS, judge

PROJECT = Path(__file__).parents[2]
SOUND = {"dependencies": [{"name": "left", "version": "1.0", "vulns": []}]}
VULNERABLE = {
    "dependencies": [{"name": "left", "version": "1.0", "vulns": [{"id": "CVE-2024-24762", "fix_versions": ["1.1"]}]}]
}
UNASKED = {"dependencies": [*SOUND["dependencies"], {"name": "typo", "skip_reason": "not found"}]}


@pytest.mark.attack("OPS-05")
@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_has_one_version_and_its_hashes(lock: str) -> None:
    text = (PROJECT / lock).read_text()
    entries = re.split(r"\n(?=[A-Za-z0-9])", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE).strip())
    assert len(entries) > 20
    for entry in entries:
        assert re.match(r"[A-Za-z0-9._-]+==[^\s;]+( ; [^\\]+)? \\\n", entry), entry
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry
        assert "://" not in entry


@pytest.mark.attack("OPS-05")
def test_a_package_with_another_hash_is_not_installed(tmp_path: Path) -> None:
    place = tmp_path / "left-1.0-py3-none-any.whl"
    with zipfile.ZipFile(place, "w") as wheel:
        wheel.writestr("left-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: left\nVersion: 1.0\n")
        wheel.writestr("left-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("left-1.0.dist-info/RECORD", "")
    lock = tmp_path / "requirements.lock"
    lock.write_text(f"left @ {place.as_uri()} --hash=sha256:{'0' * 64}\n")
    uv = [str(Path(sys.executable).with_name("uv")), "pip", "install", "--offline", "--no-index", "--require-hashes"]
    into = ["--target", str(tmp_path / "installed"), "-r", str(lock)]
    refused = subprocess.run([*uv, *into], capture_output=True, text=True, check=False, timeout=60)
    assert refused.returncode != 0
    assert "Hash mismatch" in refused.stderr
    assert not list((tmp_path / "installed").glob("left*"))


@pytest.mark.attack("OPS-05")
def test_both_ways_of_installing_require_the_hashes() -> None:
    assert '"--require-hashes"' in (PROJECT / "tools" / "install.py").read_text()
    assert "--require-hashes" in (PROJECT / "docker" / "Dockerfile").read_text()


@pytest.mark.attack("OPS-05")
def test_a_known_vulnerability_fails_the_check(capsys: pytest.CaptureFixture[str]) -> None:
    assert judge("a.lock", VULNERABLE, required=False) == 1
    assert "left 1.0: CVE-2024-24762, mended in 1.1" in capsys.readouterr().out
    assert judge("a.lock", SOUND, required=True) == 0


def test_a_package_that_no_service_knows_fails_the_check(capsys: pytest.CaptureFixture[str]) -> None:
    assert judge("a.lock", UNASKED, required=False) == 1
    assert "typo" in capsys.readouterr().out


def test_without_a_service_the_check_says_that_it_did_not_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert judge("a.lock", None, required=False) == 0
    assert judge("a.lock", None, required=True) == 1
    assert "NOT RUN" in capsys.readouterr().out


@pytest.mark.attack("OPS-05")
def test_the_check_is_required_where_pull_requests_are_judged() -> None:
    workflow = yaml.safe_load((PROJECT / ".github" / "workflows" / "ci.yml").read_text())
    steps = [step.get("run", "") for job in workflow["jobs"].values() for step in job["steps"]]
    assert any("tools.audit_dependencies --required" in step for step in steps)
    assert "tools.audit_dependencies" in (PROJECT / ".ci" / "run").read_text()
